module twinmap/benches

go 1.19
