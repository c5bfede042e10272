package session

import (
	"context"
	"io"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/vec"
)

// backupPiece is how much of a backup a message holds.
const backupPiece = 64 << 10

// backup begins a backup, which holds everybody's rows.
func (s *Session) backup(ctx context.Context, st *ast.Backup) (Result, error) {
	if err := s.superuser(st.Pos(), "permission denied to make a backup"); err != nil {
		return nil, err
	}
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	b := &backupOut{r: r, buf: make([]byte, backupPiece), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		w.CloseWithError(s.eng.Backup(ctx, w))
	}()
	return b, nil
}

// backupOut gives a backup as COPY TO STDOUT gives rows.
type backupOut struct {
	r      *io.PipeReader
	buf    []byte
	cancel func()
	done   chan struct{} // nothing of the engine is read any more
}

// Read returns the next piece.
func (b *backupOut) Read(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { b.r.CloseWithError(context.Cause(ctx)) })()
	n, err := b.r.Read(b.buf)
	return b.buf[:n], err
}

// Layout tells the door that the bytes are no text.
func (b *backupOut) Layout() (columns int, binary bool) { return 0, true }

func (b *backupOut) Next(context.Context) (*vec.Batch, error) { return nil, eof }
func (b *backupOut) Tag() (string, bool)                      { return "BACKUP", false }

// Close ends the backup, also before its end.
func (b *backupOut) Close() {
	b.cancel()
	b.r.Close()
	<-b.done
}
