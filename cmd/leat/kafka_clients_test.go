//go:build clients

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/golden"
)

// TestKafkaClients runs programs written with other clients, each against a server of its own. They check what they
// see themselves and print "ok" at the end. testdata/kafka/install.sh installs what they need.
func TestKafkaClients(t *testing.T) {
	root := golden.Root(t)
	build, programs := filepath.Join(root, "build", "clients"), filepath.Join(root, "testdata", "kafka")
	python := func(venv, program string) []string {
		return []string{filepath.Join(build, venv, "bin", "python"), filepath.Join(programs, "python", program)}
	}
	java := []string{"java", "-cp", filepath.Join(build, "java", "classes") + ":" + filepath.Join(build, "java", "lib", "*")}
	for name, command := range map[string][]string{
		"kafka-python 2.0": python("kafka-python-2.0", "group.py"),
		"kafka-python":     python("kafka-python", "group.py"),
		"confluent-kafka":  append(python("confluent-kafka", "confluent.py"), "ADDR", "classic", "consumer"),
		"kafkajs":          {"node", filepath.Join(build, "node", "client.js"), "ADDR"},
		"sarama":           {filepath.Join(build, "sarama"), "ADDR"},
		"java":             append(java, "Clients", "ADDR", "consumer"),
		"streams":          append(java, "Streams", "ADDR", t.TempDir()),
		"kcat":             {filepath.Join(programs, "kcat.sh"), "ADDR"},
	} {
		t.Run(name, func(t *testing.T) {
			out := runClient(t, serve(t, t.TempDir()), command)
			if lines := strings.Split(strings.TrimSpace(out), "\n"); lines[len(lines)-1] != "ok" {
				t.Error(out)
			}
		})
	}
}

// runClient runs a program with the server's address in the place of ADDR, or at the end.
func runClient(t *testing.T, p *process, command []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args, placed := []string{}, false
	for _, a := range command[1:] {
		if a == "ADDR" {
			a, placed = p.kafka, true
		}
		args = append(args, a)
	}
	if !placed {
		args = append(args, p.kafka)
	}
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.Env = append(os.Environ(), "PYTHONWARNINGS=ignore")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestKafkaPython runs the first programs that people write: a producer, then a consumer.
func TestKafkaPython(t *testing.T) {
	root := golden.Root(t)
	for _, venv := range []string{"kafka-python-2.0", "kafka-python"} {
		p := serve(t, t.TempDir())
		python := filepath.Join(root, "build", "clients", venv, "bin", "python")
		runClient(t, p, []string{python, filepath.Join(root, "testdata", "kafka", "python", "producer.py")})
		out := runClient(t, p, []string{python, filepath.Join(root, "testdata", "kafka", "python", "consumer.py")})
		if want := "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"; out != want {
			t.Errorf("%s consumed %q, want %q", venv, out, want)
		}
	}
}
