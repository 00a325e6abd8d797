//! Every shape with every map, in one thread and in two. The maps of a shape come right after one another.

use std::time::Duration;

use bench_host::run::Run;
use bench_host::shapes::{self, Shape, Visitor};
use bench_host::subjects::{Bare, Dash, LeftRight, Papaya, PapayaPinned, Scc, Spin, Std, Subject, Twin, TwinPinned};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode};

fn main() {
    // Short, because `cargo xtask bench-host` comes round again: what a machine is busy with otherwise shows in the
    // spread of the rounds, and not within one of them.
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(60))
        .measurement_time(Duration::from_millis(200))
        .nresamples(1000)
        .configure_from_args();
    shapes::visit(&mut Benchmarks(&mut criterion));
}

struct Benchmarks<'a>(&'a mut Criterion);

impl Visitor for Benchmarks<'_> {
    fn visit<S: Shape>(&mut self, shape: &S) {
        let mut group = self.0.benchmark_group(S::NAME);
        // As many operations in every sample, because some maps grow as long as it goes on.
        group.sampling_mode(SamplingMode::Flat);
        for threads in [1, 2] {
            bench::<S, Twin<S::Key>>(&mut group, shape, threads);
            bench::<S, Spin<S::Key>>(&mut group, shape, threads);
            bench::<S, Std<S::Key>>(&mut group, shape, threads);
            bench::<S, Dash<S::Key>>(&mut group, shape, threads);
            bench::<S, Papaya<S::Key>>(&mut group, shape, threads);
            bench::<S, Scc<S::Key>>(&mut group, shape, threads);
            if S::READS {
                bench::<S, TwinPinned<S::Key>>(&mut group, shape, threads);
                bench::<S, PapayaPinned<S::Key>>(&mut group, shape, threads);
                bench::<S, LeftRight<S::Key>>(&mut group, shape, threads);
            }
        }
        bench_alone::<S, Bare<S::Key>>(&mut group, shape);
    }
}

fn bench<S: Shape, M: Subject<S::Key> + Sync>(group: &mut BenchmarkGroup<'_, WallTime>, shape: &S, threads: u64) {
    if threads == 1 {
        return bench_alone::<S, M>(group, shape);
    }
    let mut run = Run::<S, M>::new(shape);
    group.bench_function(BenchmarkId::new(M::NAME, threads), |bencher| {
        bencher.iter_custom(|operations| run.together(threads, operations));
    });
}

fn bench_alone<S: Shape, M: Subject<S::Key>>(group: &mut BenchmarkGroup<'_, WallTime>, shape: &S) {
    let mut run = Run::<S, M>::new(shape);
    group.bench_function(BenchmarkId::new(M::NAME, 1), |bencher| {
        bencher.iter_custom(|operations| run.alone(operations));
    });
}
