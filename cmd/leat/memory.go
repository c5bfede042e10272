package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/leatdb/leat/planner"
)

// stateBytes reads --state-memory: an amount, or a part of the memory that the process may use. 0 is no limit.
func stateBytes(text string) (int64, error) {
	part, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	if !ok {
		n, err := planner.ParseBytes(text)
		if err != nil {
			return 0, fmt.Errorf("--state-memory: %w", err)
		}
		return n, nil
	}
	n, err := strconv.ParseInt(part, 10, 64)
	if err != nil || n < 1 || n > 100 {
		return 0, fmt.Errorf("--state-memory %s: it is a number of percent from 1 to 100", text)
	}
	return memoryLimit() / 100 * n, nil
}

// memoryLimit is how much memory there is for the process: the machine's, or what its control group may use; 0 where
// neither is known.
func memoryLimit() int64 {
	limit := int64(0)
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if w := strings.Fields(lines.Text()); len(w) > 1 && w[0] == "MemTotal:" {
				kB, _ := strconv.ParseInt(w[1], 10, 64)
				limit = kB << 10
			}
		}
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	return limit
}
