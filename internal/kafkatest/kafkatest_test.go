//go:build clients

package kafkatest

import (
	"net"
	"strings"
	"testing"
)

func TestBroker(t *testing.T) {
	b := Start(t)
	out, err := b.Tool(t.Context(), "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", b.Addr,
		"--create", "--topic", "t", "--partitions", "2").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Created topic t.") {
		t.Fatalf("create a topic: %v\n%s", err, out)
	}
	b.Close()
	if _, err := net.Dial("tcp", b.Addr); err == nil {
		t.Error("the broker goes on after Close")
	}
}
