// Package kafkatest gives tests and benchmarks an Apache Kafka broker to compare with: one node in KRaft mode. Maven
// fetches its jars once into the user's cache; the broker keeps its data in a temporary directory, listens on loopback
// at free ports, and ends with the process that started it.
package kafkatest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// version is the release of Apache Kafka that is compared with.
const version = "4.1.1"

// pom lists what a broker and its command-line tools need.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>leat</groupId><artifactId>kafkatest</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
	<version>` + version + `</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
	<version>` + version + `</version></dependency>
</dependencies></project>
`

// settings configure the broker: everything is kept once, and groups do not wait for members who might come.
const settings = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=%[3]s
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`

// script runs the broker until standard input ends, which it does when the process does, however it ends.
const script = `set -e
"$@" >"$LEAT_DIR/log" 2>&1 </dev/null &
read -r line || true
kill -9 $! 2>/dev/null || true
wait $! 2>/dev/null || true
rm -rf "$LEAT_DIR"
`

// clusterID names the one cluster there is: 16 bytes in base64.
const clusterID = "bGVhdC10ZXN0LWNsdXN0ZQ"

// A Broker is a running broker.
type Broker struct {
	Addr string // of its plain listener
	libs string
	stop *os.File
	done chan error
}

// Start starts a broker for a test; it ends with the test. extra are further lines of its configuration.
func Start(t testing.TB, extra ...string) *Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	b, err := Run(ctx, extra...)
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	t.Cleanup(b.Close)
	return b
}

// Run starts a broker and returns when it can be connected to. Close ends it.
func Run(ctx context.Context, extra ...string) (*Broker, error) {
	libs, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kafkatest")
	if err != nil {
		return nil, err
	}
	addr, err := free()
	if err != nil {
		return nil, err
	}
	controller, err := free()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "server.properties")
	text := fmt.Sprintf(settings, addr, controller, filepath.Join(dir, "data")) + strings.Join(extra, "\n") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	b := &Broker{Addr: addr, libs: libs, done: make(chan error, 1)}
	format := b.Tool(ctx, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", config)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the broker's storage: %w\n%s", err, out)
	}
	return b, b.start(ctx, dir, config)
}

// start starts the process and waits for its listener.
func (b *Broker) start(ctx context.Context, dir, config string) error {
	java := b.Tool(context.Background(), "kafka.Kafka", config)
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "kafkatest"}, java.Args...)...)
	cmd.Env = append(os.Environ(), "LEAT_DIR="+dir)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin, b.stop = r, w
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	go func() { b.done <- cmd.Wait() }()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case err := <-b.done:
			return fmt.Errorf("the broker ended: %w", err)
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			b.Close()
			return fmt.Errorf("the broker did not start: %w\n%s", ctx.Err(), log)
		case <-tick.C:
			if c, err := net.Dial("tcp", b.Addr); err == nil {
				tick.Stop()
				return c.Close()
			}
		}
	}
}

// Close ends the broker and removes its data.
func (b *Broker) Close() {
	if b.stop != nil {
		_ = b.stop.Close()
		b.stop = nil
		<-b.done
	}
}

// Tool is a command that runs a main class of Apache Kafka, such as one of its command-line tools.
func (b *Broker) Tool(ctx context.Context, class string, args ...string) *exec.Cmd {
	args = append([]string{"-Xmx1g", "-Dlog4j2.level=ERROR", "-cp", filepath.Join(b.libs, "*"), class}, args...)
	return exec.CommandContext(ctx, "java", args...)
}

// jars returns the directory with the jars, which it fills when it is not there.
func jars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "leat-test", "apache-kafka-"+version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp("", "kafkatest-jars")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.WriteFile(filepath.Join(tmp, "pom.xml"), []byte(pom), 0o600); err != nil {
		return "", err
	}
	part := fmt.Sprintf("%s.%d", dir, os.Getpid())
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+part)
	mvn.Dir = tmp
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Apache Kafka with mvn: %w\n%s", err, out)
	}
	if err := os.Rename(part, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}

// free returns a loopback address whose port was free a moment ago.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
