package main

import (
	"bytes"
	"os"
	"testing"
)

// TestFresh fails when the reference is older than the declarations.
func TestFresh(t *testing.T) {
	old, err := os.ReadFile("../../../docs/functions.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, reference()) {
		t.Error("docs/functions.md is stale: go run ./sql/fn/reference > docs/functions.md")
	}
}
