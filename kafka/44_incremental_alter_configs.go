package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// IncrementalAlterConfigs, versions 0 to 1.
//
// It sets and deletes single settings of a topic, and adds to lists and takes from them.

func (c *conn) incrementalAlterConfigs(ctx context.Context, req *kmsg.IncrementalAlterConfigsRequest) response {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for i := range req.Resources {
		r := &req.Resources[i]
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		settings, err := c.increments(r)
		if err == nil {
			err = c.alter(ctx, r.ResourceType, r.ResourceName, settings, false, req.ValidateOnly)
		}
		out.ErrorCode, out.ErrorMessage = codeAndText(err)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// increments says what settings become.
func (c *conn) increments(r *kmsg.IncrementalAlterConfigsRequestResource) (map[string]*string, error) {
	known, err := c.settingsOf(kmsg.ACLOperationAlterConfigs, r.ResourceType, r.ResourceName)
	if err != nil {
		return nil, err
	}
	settings := map[string]*string{}
	for _, s := range r.Configs {
		if _, twice := settings[s.Name]; twice {
			return nil, fmt.Errorf("%w: setting %q is there twice", code.InvalidRequest, s.Name)
		}
		switch s.Op {
		case kmsg.IncrementalAlterConfigOpDelete:
			settings[s.Name] = nil
			continue
		case kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		default:
			return nil, fmt.Errorf("%w: unknown operation %d", code.InvalidRequest, s.Op)
		}
		if s.Value == nil {
			return nil, fmt.Errorf("%w: setting %q has no value", code.InvalidConfig, s.Name)
		}
		if s.Op == kmsg.IncrementalAlterConfigOpSet {
			settings[s.Name] = s.Value
			continue
		}
		now := findSetting(known, s.Name)
		if now == nil || now.Kind != "list" {
			return nil, fmt.Errorf("%w: setting %q is no list", code.InvalidConfig, s.Name)
		}
		list := changeList(now.Value, *s.Value, s.Op == kmsg.IncrementalAlterConfigOpAppend)
		settings[s.Name] = &list
	}
	return settings, nil
}

// changeList adds words to a list with commas, or takes them out.
func changeList(list, words string, add bool) string {
	out := strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
	for _, w := range strings.Split(words, ",") {
		out = slices.DeleteFunc(out, func(have string) bool { return have == w })
		if add {
			out = append(out, w)
		}
	}
	return strings.Join(out, ",")
}
