package fn

import (
	_ "embed" // for the list of time zones
	"strings"
	"time"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// zoneLines are the names of the time zones of the IANA database, one a line.
//
//go:embed timezones.txt
var zoneLines string

// TimeZone is a row of pg_timezone_names.
type TimeZone struct {
	Name, Abbreviation string
	OffsetSeconds      int
	Summer             bool
}

// TimeZones lists the time zones as they are at a time.
func TimeZones(at time.Time) []TimeZone {
	var out []TimeZone
	for _, name := range strings.Fields(zoneLines) {
		loc, err := types.LoadLocation(name)
		if err != nil {
			continue
		}
		there := at.In(loc)
		short, offset := there.Zone()
		out = append(out, TimeZone{name, short, offset, there.IsDST()})
	}
	return out
}

func zoneNames(r Row, out []*vec.Column) error {
	for _, z := range TimeZones(time.UnixMicro(r.Env.Now)) {
		out[0].AppendString(z.Name)
		out[1].AppendString(z.Abbreviation)
		out[2].AppendIvl(types.Interval{Micros: int64(z.OffsetSeconds) * 1e6})
		out[3].AppendBool(z.Summer)
	}
	return nil
}
