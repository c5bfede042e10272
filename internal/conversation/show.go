package conversation

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// typeOf returns the type byte of a message.
func typeOf(m pgproto3.BackendMessage) byte {
	b, err := m.Encode(nil)
	if err != nil || len(b) == 0 {
		return 0
	}
	return b[0]
}

// show prints a message.
func show(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		var cols []string
		for _, f := range m.Fields {
			format := map[int16]string{0: "t", 1: "b"}[f.Format]
			if format == "" {
				format = strconv.Itoa(int(f.Format))
			}
			col := fmt.Sprintf("%s:%d/%d/%d/%s", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, format)
			cols = append(cols, col)
		}
		return "RowDescription " + strings.Join(cols, " ")
	case *pgproto3.DataRow:
		var values []string
		for _, v := range m.Values {
			switch {
			case v == nil:
				values = append(values, "NULL")
			case bytes.IndexFunc(v, func(r rune) bool { return r < ' ' || r == 0xfffd }) >= 0:
				values = append(values, "x"+hex.EncodeToString(v))
			default:
				values = append(values, string(v))
			}
		}
		return "DataRow " + strings.Join(values, "|")
	case *pgproto3.ErrorResponse:
		return "ErrorResponse " + showFields(m)
	case *pgproto3.NoticeResponse:
		e := pgproto3.ErrorResponse(*m)
		return "NoticeResponse " + showFields(&e)
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "ReadyForQuery " + string(m.TxStatus)
	case *pgproto3.ParameterStatus:
		return "ParameterStatus " + m.Name + " = " + m.Value
	case *pgproto3.ParameterDescription:
		return fmt.Sprint("ParameterDescription ", m.ParameterOIDs)
	case *pgproto3.NotificationResponse:
		return fmt.Sprintf("NotificationResponse %s %q", m.Channel, m.Payload)
	case *pgproto3.CopyData:
		return fmt.Sprintf("CopyData %q", m.Data)
	case *pgproto3.BackendKeyData, *pgproto3.AuthenticationSASLContinue, *pgproto3.AuthenticationSASLFinal:
		return kind(m) // the rest is never the same
	}
	name := kind(m)
	if b, _ := m.Encode(nil); len(b) > 5 {
		name += fmt.Sprintf(" x%x", b[5:])
	}
	return name
}

// kind is the name of a message's type.
func kind(m pgproto3.BackendMessage) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

func showFields(e *pgproto3.ErrorResponse) string {
	fields := map[string]string{"detail": e.Detail, "hint": e.Hint, "where": e.Where}
	if e.Position > 0 {
		fields["position"] = strconv.Itoa(int(e.Position))
	}
	var extra []string
	for k, v := range fields {
		if v != "" {
			extra = append(extra, fmt.Sprintf(" %s=%q", k, v))
		}
	}
	sort.Strings(extra)
	return e.SeverityUnlocalized + " " + e.Code + " " + strconv.Quote(e.Message) + strings.Join(extra, "")
}
