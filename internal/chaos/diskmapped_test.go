//go:build clients && linux

package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/leatdb/leat/log/mapped"
	"go.etcd.io/bbolt"
)

// mappedVariable names the database that a process of TestDiskMapped has open.
const mappedVariable = "LEAT_CHAOS_MAPPED"

// TestDiskMapped has another process read a database that is mapped into its memory while the disk reads nothing: that
// is an error there, and not a signal.
func TestDiskMapped(t *testing.T) {
	if path := os.Getenv(mappedVariable); path != "" {
		if err := readMapped(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	d := tryDisk(t, 1)
	if says := d.useMapped(Trouble{}); !strings.Contains(says, "read: <nil>") {
		t.Fatal(says)
	}
	d.reboot(false)
	says := d.useMapped(Trouble{Path: "/some.db", FailReads: 1 << 30})
	if !strings.Contains(says, "some.db: input/output error") || strings.Contains(says, "byte 0:") {
		t.Error(says)
	}
	d.disk.Set(Trouble{})
	if says := d.useMapped(Trouble{}); !strings.Contains(says, "read: <nil>") {
		t.Error(says)
	}
}

// useMapped lets a process open the database, and read it when the disk has a trouble. It returns what that says.
func (d tried) useMapped(trouble Trouble) string {
	d.Helper()
	c := exec.Command(os.Args[0], "-test.run", "TestDiskMapped$")
	c.Env = append(os.Environ(), mappedVariable+"="+d.path("some.db"))
	in, err := c.StdinPipe()
	d.must(err)
	out, err := c.StdoutPipe()
	d.must(err)
	c.Stderr = os.Stderr
	d.must(c.Start())
	lines := bufio.NewScanner(out)
	lines.Scan() // it is open
	d.disk.Set(trouble)
	d.must(in.Close())
	var says []string
	for lines.Scan() {
		says = append(says, lines.Text())
	}
	if err := errors.Join(lines.Err(), c.Wait()); err != nil {
		d.Errorf("the process has ended so: %v", err)
	}
	return strings.Join(says, "\n")
}

// readMapped opens a database, and reads all of it once it is told to.
func readMapped(path string) error {
	db, err := mapped.Open(path, 0o600, bbolt.Options{})
	if err != nil {
		return err
	}
	bucket := []byte("bucket")
	if err := db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucket) != nil {
			return nil
		}
		b, err := tx.CreateBucket(bucket)
		for i := range 2000 {
			err = errors.Join(err, b.Put(fmt.Appendf(nil, "%06d", i), make([]byte, 5000)))
		}
		return err
	}); err != nil {
		return err
	}
	n := 0
	err = db.View(func(tx *bbolt.Tx) error {
		fmt.Println("open")
		if _, err := bufio.NewReader(os.Stdin).ReadByte(); err == nil {
			return errors.New("there is something to be read")
		}
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error { n += len(v) - int(v[4999]); return nil })
	})
	fmt.Println("read:", err)
	if err == nil && n != 10_000_000 || err != nil && !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("%d bytes, %w", n, err)
	}
	return db.Close()
}
