package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeConfigs, versions 1 to 4.
//
// Of a topic it tells all settings. Of the broker it tells those that tools look for, which are fixed while it runs.
// Version 3 has types and documentation.

func (c *conn) describeConfigs(_ context.Context, req *kmsg.DescribeConfigsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for _, r := range req.Resources {
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		settings, err := c.settingsOf(kmsg.ACLOperationDescribeConfigs, r.ResourceType, r.ResourceName)
		out.ErrorCode, out.ErrorMessage = codeAndText(err)
		for _, s := range settings {
			if r.ConfigNames != nil && !slices.Contains(r.ConfigNames, s.Name) {
				continue
			}
			out.Configs = append(out.Configs, describeSetting(s, r.ResourceType, req))
		}
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// settingsOf lists the settings of a topic or of this broker, to do something with them.
func (c *conn) settingsOf(op kmsg.ACLOperation, kind kmsg.ConfigResourceType, name string) ([]Setting, error) {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		if _, wrong := c.topicNamed(op, name); wrong == code.UnknownTopicOrPartition {
			return nil, fmt.Errorf("%w: there is no topic %q", wrong, name)
		} else if wrong != code.None {
			return nil, wrong
		}
		return c.srv.cfg.Topics.Settings(name), nil
	case kmsg.ConfigResourceTypeBroker:
		if wrong := c.mayCluster(op); wrong != code.None {
			return nil, wrong
		}
		if name != "" && name != strconv.Itoa(int(c.srv.selfID())) {
			return nil, fmt.Errorf("%w: there is no broker %q", code.InvalidRequest, name)
		}
		if name == "" {
			return nil, nil // nothing is set for all brokers
		}
		return c.srv.brokerSettings(), nil
	}
	return nil, fmt.Errorf("%w: resources of type %d have no settings here", code.InvalidRequest, kind)
}

// brokerSettings are the settings of this broker that are true of it.
func (s *Server) brokerSettings() []Setting {
	setting := func(name, kind string, value any) Setting {
		return Setting{Name: name, Value: fmt.Sprint(value), Kind: kind}
	}
	return []Setting{
		setting("advertised.listeners", "string", s.listening(s.cfg.Advertised)),
		setting("auto.create.topics.enable", "boolean", s.cfg.AutoCreate),
		setting("broker.id", "int", s.selfID()),
		setting("default.replication.factor", "int", len(s.replicas())),
		setting("delete.topic.enable", "boolean", true),
		setting("group.initial.rebalance.delay.ms", "int", 0),
		setting("group.max.session.timeout.ms", "int", (30 * time.Minute).Milliseconds()),
		setting("group.min.session.timeout.ms", "int", (6 * time.Second).Milliseconds()),
		setting("listeners", "string", s.listening("")),
		setting("log.cleanup.policy", "list", "delete"),
		setting("message.max.bytes", "int", s.cfg.MaxBatchBytes),
		setting("min.insync.replicas", "int", 1),
		setting("node.id", "int", s.selfID()),
		setting("num.partitions", "int", s.cfg.Partitions),
		setting("offset.metadata.max.bytes", "int", maxOffsetMetadata),
		setting("socket.request.max.bytes", "int", s.cfg.MaxRequestBytes),
		setting("transaction.max.timeout.ms", "int", (15 * time.Minute).Milliseconds()),
		setting("unclean.leader.election.enable", "boolean", false),
	}
}

// listening lists the addresses with their protocols; one that is given stands for the first.
func (s *Server) listening(given string) string {
	kinds := []string{"PLAINTEXT://", "SSL://"}
	if s.cfg.Security != nil {
		kinds = []string{"SASL_PLAINTEXT://", "SASL_SSL://"}
	}
	var out []string
	for i, a := range []net.Addr{s.Addr(), s.TLSAddr()} {
		switch {
		case a == nil:
		case given != "":
			out, given = append(out, kinds[i]+given), ""
		default:
			out = append(out, kinds[i]+a.String())
		}
	}
	return strings.Join(out, ",")
}

// configTypes are the numbers of kinds of settings.
var configTypes = map[string]kmsg.ConfigType{
	"boolean": kmsg.ConfigTypeBoolean, "int": kmsg.ConfigTypeInt, "long": kmsg.ConfigTypeLong,
	"double": kmsg.ConfigTypeDouble, "list": kmsg.ConfigTypeList, "string": kmsg.ConfigTypeString,
}

func describeSetting(s Setting, of kmsg.ConfigResourceType, req *kmsg.DescribeConfigsRequest,
) kmsg.DescribeConfigsResponseResourceConfig {
	out := kmsg.NewDescribeConfigsResponseResourceConfig()
	out.Name, out.Value, out.IsDefault = s.Name, &s.Value, !s.Set
	out.ConfigType, out.Source = configTypes[s.Kind], sourceOf(s)
	if of == kmsg.ConfigResourceTypeBroker {
		out.ReadOnly, out.Source = true, kmsg.ConfigSourceStaticBrokerConfig
	}
	if req.IncludeDocumentation && s.Doc != "" {
		out.Documentation = &s.Doc
	}
	if req.IncludeSynonyms {
		syn := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		syn.Name, syn.Value, syn.Source = s.Name, &s.Value, out.Source
		out.ConfigSynonyms = append(out.ConfigSynonyms, syn)
	}
	return out
}

// sourceOf says where a topic's setting comes from.
func sourceOf(s Setting) kmsg.ConfigSource {
	if s.Set {
		return kmsg.ConfigSourceDynamicTopicConfig
	}
	return kmsg.ConfigSourceDefaultConfig
}
