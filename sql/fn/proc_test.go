package fn

import "testing"

// TestProcNumbers wants a number of its own for every function, which is PostgreSQL's where it has the function.
func TestProcNumbers(t *testing.T) {
	seen := map[int64]string{}
	for _, p := range Procs() {
		if other, twice := seen[p.OID]; twice {
			t.Errorf("%s and %s have the number %d", p.Name, other, p.OID)
		}
		seen[p.OID] = p.Name
	}
	for oid, name := range map[int64]string{1396: "abs", 2803: "count", 2108: "sum", 870: "lower"} {
		if p, ok := ProcByOID(oid); !ok || p.Name != name {
			t.Errorf("%d is %q, want %s", oid, p.Name, name)
		}
	}
}
