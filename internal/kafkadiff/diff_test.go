//go:build clients

package kafkadiff

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/kafkatest"
)

// conversations are the script.
var conversations = []struct {
	name string
	talk func(*player)
}{
	{"topics", topics}, {"produce and fetch", produceAndFetch}, {"settings", settings}, {"idempotence", idempotence},
	{"transactions", transactions}, {"groups", groups},
}

func TestLikeApacheKafka(t *testing.T) {
	apache, leat := kafkatest.Start(t).Addr, startLeat(t)
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			want, got := play(t, apache, c.talk), play(t, leat, c.talk)
			if len(want) != len(got) {
				t.Errorf("%d answers, Apache Kafka gives %d", len(got), len(want))
			}
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Errorf("answer %d differs\nApache Kafka  %s\nLeat          %s", i, want[i], got[i])
				}
			}
		})
	}
}

// startLeat builds and starts the server and returns the address of its Kafka door.
func startLeat(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "leat")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/leatdb/leat/cmd/leat").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "start", "--data", t.TempDir(), "--pg", "127.0.0.1:0", "--kafka", "127.0.0.1:0",
		"--http", "", "--log-level", "warn")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	banner := regexp.MustCompile(`^\s+Kafka\s+(\S+)`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := banner.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatal("the server ended before it said where it listens")
	return ""
}
