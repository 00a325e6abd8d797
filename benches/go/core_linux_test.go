package benches

import (
	"runtime"
	"syscall"
	"unsafe"
)

// takeCore keeps the calling goroutine on a core of its own, as the other maps' threads are: a scheduler may take its time
// to part threads. The thread ends with its goroutine. (Where there are fewer cores, it goes without.)
func takeCore(goroutine int) {
	if runtime.GOMAXPROCS(0) == 1 || goroutine >= 64 {
		return
	}
	runtime.LockOSThread()
	mask := uint64(1) << goroutine
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
}
