package engine_test

import "testing"

// TestProgressOutlivesRestart: how far the engine is, and when the last step was, is known after a restart, from the
// checkpoint as from the steps behind it.
func TestProgressOutlivesRestart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(built, "")
	for _, checkpoint := range []bool{false, true} {
		s.want("INSERT INTO s VALUES ('x', 1); FLUSH", "")
		if checkpoint {
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		before := *s.eng.Progress()
		s.close()
		s = serve(t, dir)
		if got := *s.eng.Progress(); got != before || got.At == 0 {
			t.Errorf("%+v, before the restart %+v", got, before)
		}
	}
	s.close()
}
