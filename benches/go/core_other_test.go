//go:build !linux

package benches

func takeCore(int) {}
