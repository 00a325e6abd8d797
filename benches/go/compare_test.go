//go:build go1.20

// What sync.Map has since Go 1.20. With an older one these lines are missing.

package benches

import (
	"sync"
	"testing"
)

// mostly is one of the keys that are there, which are those below hits; else one that comes once.
func mostly(hits, i int) int {
	if key := i % mostKeys; key < hits {
		return key
	}
	return i
}

func swap(b *testing.B, hits int) {
	shape(b, hits, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			key := mostly(hits, i)
			m.Swap(key, key)
			if i%mostKeys >= hits {
				m.Delete(i)
			}
		}
	})
}

func compareAndSwap(b *testing.B, hits int) {
	shape(b, hits, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			key := mostly(hits, i)
			m.CompareAndSwap(key, key, key)
		}
	})
}

func compareAndDelete(b *testing.B, hits int) {
	shape(b, hits, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			key := mostly(hits, i)
			if m.CompareAndDelete(key, key) {
				m.Store(key, key)
			}
		}
	})
}

func BenchmarkSwapCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.Swap(0, 0)
		}
	})
}

func BenchmarkSwapMostlyHits(b *testing.B) { swap(b, mostKeys-1) }

func BenchmarkSwapMostlyMisses(b *testing.B) { swap(b, 1) }

func BenchmarkCompareAndSwapCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			if m.CompareAndSwap(0, 0, 42) {
				m.CompareAndSwap(0, 42, 0)
			}
		}
	})
}

func BenchmarkCompareAndSwapNoExistingKey(b *testing.B) {
	shape(b, 0, func(pb *testing.PB, m *sync.Map, _, i int) {
		for ; pb.Next(); i++ {
			if m.CompareAndSwap(i, 0, 0) {
				m.Delete(i)
			}
		}
	})
}

func BenchmarkCompareAndSwapValueNotEqual(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			m.CompareAndSwap(0, 1, 2)
		}
	})
}

func BenchmarkCompareAndSwapMostlyHits(b *testing.B) { compareAndSwap(b, mostKeys-1) }

func BenchmarkCompareAndSwapMostlyMisses(b *testing.B) { compareAndSwap(b, 1) }

func BenchmarkCompareAndDeleteCollision(b *testing.B) {
	shape(b, 1, func(pb *testing.PB, m *sync.Map, _, _ int) {
		for pb.Next() {
			if m.CompareAndDelete(0, 0) {
				m.Store(0, 0)
			}
		}
	})
}

func BenchmarkCompareAndDeleteMostlyHits(b *testing.B) { compareAndDelete(b, mostKeys-1) }

func BenchmarkCompareAndDeleteMostlyMisses(b *testing.B) { compareAndDelete(b, 1) }
