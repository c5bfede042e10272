//go:build clients && linux

package chaos

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/crash"
)

// clockVariable names the file that says how far a server's clock is off: nanoseconds, little-endian.
const clockVariable = "LEAT_CHAOS_CLOCK"

// shiftedNow is what the standard library's clock gets before it is read: the servers of a run have one of their own,
// and so has all that they are made of. The clock that never jumps stays as it is.
const shiftedNow = `package time

import (
	"syscall"
	"unsafe"
)

var shift = openShift()

func openShift() *int64 {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return nil
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("the clock of this server: " + err.Error())
	}
	b, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("the clock of this server: " + err.Error())
	}
	return (*int64)(unsafe.Pointer(&b[0]))
}

func shifted(sec int64, nsec int32) (int64, int32) {
	if shift == nil {
		return sec, nsec
	}
	by := *shift
	sec, by = sec+by/1e9, by%1e9+int64(nsec)
	if by < 0 {
		sec, by = sec-1, by+1e9
	}
	return sec + by/1e9, int32(by % 1e9)
}
`

// nowReads is where the standard library's clock is read.
const nowReads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"

// build builds a server of some version whose clock can be set.
func build(t testing.TB, version string, edits ...crash.Edit) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(string(bytes.TrimSpace(root)), "src", "time")
	return crash.BuildEdited(t, version, append(edits,
		crash.Edit{File: filepath.Join(source, "time.go"), Old: nowReads, New: nowReads + "\tsec, nsec = shifted(sec, nsec)\n"},
		crash.Edit{File: filepath.Join(source, "shift.go"), New: shiftedNow})...)
}

// setClock puts a node's clock off what is right. Its process, or the next one, sees that at once.
func (n *node) setClock(off time.Duration) error {
	f, err := os.OpenFile(n.dir+".clock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(off)), 0)
	n.off = off
	return err
}
