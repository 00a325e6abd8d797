// Package benches measures Go's sync.Map with the shapes of benches/host, by the same names.
//
// cargo xtask bench-host runs it, in the same rounds as the other maps.
package benches

import (
	"math/rand"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	many      = 65536
	mostKeys  = 1024
	halfKeys  = 128
	zipfShape = 1.01
)

// shape has run called by each goroutine, on a map that starts with the keys below keys. i is where the goroutine starts to
// count, far from the other ones. (The loops are in the shapes, so that none pays for a call that another one has not.)
func shape(b *testing.B, keys int, run func(pb *testing.PB, m *sync.Map, goroutine, i int)) {
	m := new(sync.Map)
	fill(m, keys)
	var number int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		goroutine := int(atomic.AddInt64(&number, 1)) - 1
		takeCore(goroutine)
		run(pb, m, goroutine, goroutine*b.N)
	})
}

// fill looks the keys up as well, which makes the map promote them.
func fill(m *sync.Map, keys int) {
	for key := 0; key < keys; key++ {
		m.LoadOrStore(key, key)
	}
	for i := 0; i < 2*keys; i++ {
		m.Load(i % keys)
	}
}

// scattered goes through the keys below a power of two in an order that no prefetcher sees through.
func scattered(i, keys int) int {
	return i * 40503 % keys
}

// balanced is one of the keys that are there, half of the time; else one that comes once.
func balanced(i int) int {
	if key := i % (2 * halfKeys); key < halfKeys {
		return key
	}
	return i
}

func BenchmarkHits64(b *testing.B) {
	shape(b, 64, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.Load(scattered(i, 64))
		}
	})
}

func BenchmarkHits65536(b *testing.B) {
	shape(b, many, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.Load(scattered(i, many))
		}
	})
}

func BenchmarkHitsStrings(b *testing.B) {
	m := new(sync.Map)
	keys := make([]string, 1024)
	for i := range keys {
		number := strconv.Itoa(10000 + i)[1:]
		keys[i] = "plant/line/" + number + "/pressure"
		m.Store(keys[i], 0)
	}
	for i := 0; i < 2*len(keys); i++ {
		m.Load(keys[i%len(keys)])
	}
	b.ResetTimer()
	var number int64
	b.RunParallel(func(pb *testing.PB) {
		goroutine := int(atomic.AddInt64(&number, 1)) - 1
		takeCore(goroutine)
		for i := goroutine * b.N; pb.Next(); i++ {
			m.Load(keys[scattered(i, len(keys))])
		}
	})
}

func BenchmarkZipf99(b *testing.B) {
	zipf := rand.NewZipf(rand.New(rand.NewSource(1)), zipfShape, 1, many-1)
	keys := make([]int, many)
	for i := range keys {
		keys[i] = int(zipf.Uint64())
	}
	shape(b, many, func(pb *testing.PB, m *sync.Map, goroutine, i int) {
		for ; pb.Next(); i++ {
			key := keys[(i+goroutine*many/2)%many]
			if i%100 == 99 {
				m.Store(key, i)
			} else {
				m.Load(key)
			}
		}
	})
}

func BenchmarkOverwriteHalves(b *testing.B) {
	shape(b, 1024, func(pb *testing.PB, m *sync.Map, goroutine, i int) {
		for ; pb.Next(); i++ {
			m.Store(goroutine%2*512+scattered(i, 512), i)
		}
	})
}

func BenchmarkChurn(b *testing.B) {
	shape(b, 0, func(pb *testing.PB, m *sync.Map, goroutine, _ int) {
		oldest := goroutine << 32
		for key := oldest; key < oldest+1024; key++ {
			m.Store(key, key)
		}
		for ; pb.Next(); oldest++ {
			m.Delete(oldest)
			m.Store(oldest+1024, oldest+1024)
		}
	})
}

// fresh has a new map for as many new keys, again and again.
func fresh(b *testing.B, keys int) {
	procs := runtime.GOMAXPROCS(0)
	var elapsed time.Duration
	maps := 0
	for done := 0; done < b.N; done += keys {
		m := new(sync.Map)
		start := time.Now()
		var group sync.WaitGroup
		for goroutine := 0; goroutine < procs; goroutine++ {
			group.Add(1)
			go func(goroutine int) {
				defer group.Done()
				takeCore(goroutine)
				first := goroutine * keys / procs
				for key := first; key < first+keys/procs; key++ {
					m.Store(key, key)
				}
			}(goroutine)
		}
		group.Wait()
		elapsed += time.Since(start)
		maps++
	}
	b.ReportMetric(float64(elapsed.Nanoseconds())/float64(maps*keys), "ns/op")
}

func BenchmarkInsertUnique(b *testing.B) { fresh(b, many) }

func BenchmarkGrowth(b *testing.B) { fresh(b, 1<<20) }

func BenchmarkLoadMostlyHits(b *testing.B) {
	shape(b, mostKeys-1, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.Load(i % mostKeys)
		}
	})
}

func BenchmarkLoadMostlyMisses(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.Load(i % mostKeys)
		}
	})
}

func BenchmarkLoadOrStoreBalanced(b *testing.B) {
	shape(b, halfKeys, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.LoadOrStore(balanced(i), i)
		}
	})
}

func BenchmarkLoadOrStoreUnique(b *testing.B) {
	shape(b, 0, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.LoadOrStore(i, i)
		}
	})
}

func BenchmarkLoadOrStoreCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.LoadOrStore(0, 0)
		}
	})
}

func BenchmarkLoadAndDeleteBalanced(b *testing.B) {
	shape(b, halfKeys, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.LoadAndDelete(balanced(i))
		}
	})
}

func BenchmarkLoadAndDeleteUnique(b *testing.B) {
	shape(b, 0, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.LoadAndDelete(i)
		}
	})
}

func BenchmarkLoadAndDeleteCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.LoadAndDelete(0)
		}
	})
}

func BenchmarkRange(b *testing.B) {
	shape(b, mostKeys, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.Range(func(_, _ any) bool { return true })
		}
	})
}

func BenchmarkAdversarialAlloc(b *testing.B) {
	shape(b, 0, func(pb *testing.PB, m *sync.Map, _, i int) {
		stores, loads := 0, 0
		for ; pb.Next(); i++ {
			m.Load(i)
			if loads++; loads > stores {
				m.LoadOrStore(i, stores)
				loads = 0
				stores++
			}
		}
	})
}

func BenchmarkAdversarialDelete(b *testing.B) {
	shape(b, mostKeys, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			m.Load(i)
			if i%mostKeys == 0 {
				m.Range(func(key, _ any) bool {
					m.Delete(key)
					return false
				})
				m.Store(i, i)
			}
		}
	})
}

func BenchmarkDeleteCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.Delete(0)
		}
	})
}
