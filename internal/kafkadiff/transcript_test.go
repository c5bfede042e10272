//go:build clients

package kafkadiff

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A transcript is what a client observes, a line an answer, with what is a server's own free choice left out or named.
type transcript struct {
	lines []string
	names map[string]string // chosen by the server -> a name by order of appearance
	count map[string]int
}

func newTranscript() *transcript {
	return &transcript{names: map[string]string{}, count: map[string]int{}}
}

// note adds a line.
func (tr *transcript) note(format string, args ...any) {
	tr.lines = append(tr.lines, fmt.Sprintf(format, args...))
}

// record adds an answer.
func (tr *transcript) record(what string, resp kmsg.Response) {
	var b strings.Builder
	tr.dump(&b, reflect.ValueOf(resp).Elem())
	tr.note("%s: %s", what, b.String())
}

// free are fields that say nothing about behaviour: a server may fill them as it likes.
var free = map[string]bool{
	"Version": true, "ThrottleMillis": true, "Host": true, "Port": true, "ClusterID": true, "NodeID": true, "ControllerID": true,
	"ErrorMessage": true, "Leader": true, "LeaderEpoch": true, "CurrentLeaderEpoch": true, "Replicas": true, "ISR": true,
	"OfflineReplicas": true, "Rack": true, "UnknownTags": true, "Brokers": true, "HeartbeatIntervalMillis": true,
	"ReplicationFactor": true, "Configs": true, "CoordinatorEpoch": true, "ClientHost": true,
	"LogAppendTime": true, // of topics with CreateTime; Apache Kafka tells it of duplicates only
}

// named are fields whose values are a server's choice but stay what they are.
var named = map[string]string{"MemberID": "member", "LeaderID": "member", "ProducerID": "producer", "TopicID": "topic"}

func (tr *transcript) dump(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if free[f.Name] || v.Field(i).IsZero() && f.Name != "ErrorCode" {
				continue
			}
			if code := v.FieldByName("ErrorCode"); f.Name == "LogStartOffset" && code.IsValid() && !code.IsZero() {
				continue // says nothing beside an error
			}
			if !strings.HasSuffix(b.String(), "{") {
				b.WriteByte(' ')
			}
			b.WriteString(f.Name + "=")
			kind, ok := named[f.Name]
			if f.Name == "Leader" {
				kind, ok = "member", v.Field(i).Kind() == reflect.String
			}
			if ok {
				b.WriteString(tr.name(kind, v.Field(i)))
				continue
			}
			tr.dump(b, v.Field(i))
		}
		b.WriteByte('}')
	case reflect.Pointer:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		tr.dump(b, v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%q", v.Bytes())
			return
		}
		parts := make([]string, v.Len())
		for i := range parts {
			var one strings.Builder
			tr.dump(&one, v.Index(i))
			parts[i] = one.String()
		}
		// Partitions and members come in any order.
		if name := v.Type().Elem().Name(); strings.HasSuffix(name, "Partition") || strings.HasSuffix(name, "Member") {
			slices.Sort(parts)
		}
		fmt.Fprint(b, parts)
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprint(b, v.Interface())
	}
}

// name gives a value that the server chose a name.
func (tr *transcript) name(kind string, v reflect.Value) string {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	text := fmt.Sprint(v.Interface())
	if text == "" || text == "-1" || text == "0" && kind != "producer" {
		return text
	}
	key := kind + text
	if tr.names[key] == "" {
		tr.count[kind]++
		tr.names[key] = fmt.Sprintf("%s%d", kind, tr.count[kind])
	}
	return tr.names[key]
}
