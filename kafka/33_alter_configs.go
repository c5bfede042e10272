package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// AlterConfigs, versions 0 to 2.
//
// A topic's settings become those that are named, and the others go back to their defaults.

func (c *conn) alterConfigs(ctx context.Context, req *kmsg.AlterConfigsRequest) response {
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	for _, r := range req.Resources {
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		settings := map[string]*string{}
		for _, s := range r.Configs {
			settings[s.Name] = s.Value
		}
		err := c.alter(ctx, r.ResourceType, r.ResourceName, settings, true, req.ValidateOnly)
		out.ErrorCode, out.ErrorMessage = codeAndText(err)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// alter changes the settings of a topic.
func (c *conn) alter(ctx context.Context, kind kmsg.ConfigResourceType, name string, settings map[string]*string,
	replace, validateOnly bool) error {
	if kind != kmsg.ConfigResourceTypeTopic {
		return fmt.Errorf("%w: only the settings of topics can be changed", code.InvalidRequest)
	}
	known, err := c.settingsOf(kmsg.ACLOperationAlterConfigs, kind, name)
	if err != nil {
		return err
	}
	for setting := range settings {
		if findSetting(known, setting) == nil {
			return fmt.Errorf("%w: there is no setting %q", code.InvalidConfig, setting)
		}
	}
	if validateOnly {
		return nil
	}
	return c.srv.cfg.Admin.AlterTopic(ctx, name, settings, replace)
}

func findSetting(settings []Setting, name string) *Setting {
	for i := range settings {
		if settings[i].Name == name {
			return &settings[i]
		}
	}
	return nil
}
