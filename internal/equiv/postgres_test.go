//go:build clients

package equiv

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/leatdb/leat/internal/pgtest"
)

// TestPostgres compares maintained views with PostgreSQL.
func TestPostgres(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	compare(t, postgres{conn})
}

// postgres is PostgreSQL as the oracle.
type postgres struct{ conn *pgx.Conn }

func (p postgres) Begin(ctx context.Context) error {
	return p.Exec(ctx, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
}

func (p postgres) Exec(ctx context.Context, sql string) error {
	_, err := p.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func (p postgres) Query(ctx context.Context, sql string) ([]string, error) {
	res, err := p.conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range res[0].Rows {
		var cells []string
		for _, v := range r {
			if v == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, "'"+string(v))
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out, nil
}
