package pgwire

import (
	"bytes"
	"testing"
)

// TestOfferOutlivesTwoServers ends a server before it has taken up the push query of the one before it: the relay still
// knows which statement it is.
func TestOfferOutlivesTwoServers(t *testing.T) {
	runs := []byte(`{"text":"SELECT"}`)
	c := &conn{session: carriedSession{}, relay: &relaying{hello: Hello{Known: true,
		Parts: map[string][]byte{offerPart: runs, statePart: []byte("s")}, Place: []byte("3 true here")}}}
	c.relay.sent = map[string][]byte{offerPart: runs, statePart: []byte("s")}
	c.sendTurn()
	if bytes.Contains(c.out, []byte(offerPart+"\x00")) || !bytes.Equal(c.relay.sent[offerPart], runs) {
		t.Errorf("the relay is told %q", c.out)
	}
	c.relay.hello.Place = nil // it has been taken up, and is at its end
	c.sendTurn()
	if !bytes.Contains(c.out, []byte(offerPart+"\x00")) || c.relay.sent[offerPart] != nil {
		t.Errorf("the relay is told %q", c.out)
	}
}
