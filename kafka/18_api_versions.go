package kafka

import (
	"context"
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ApiVersions, versions 0 to 4.
//
// It is what clients say first. A version that is too new is answered in version 0, with UNSUPPORTED_VERSION and what
// there is, and the client asks again. The response's header is that of version 0 always. From version 3 on the client
// says who it is, and a name that Kafka would not take is an INVALID_REQUEST.

var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func (c *conn) apiVersions(_ context.Context, req *kmsg.ApiVersionsRequest) response {
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	a, _ := apiOf(int16(kmsg.ApiVersions))
	switch {
	case req.Version > a.max:
		resp.Version = 0
		resp.ErrorCode = int16(code.UnsupportedVersion)
	case req.Version >= 3 && !(softwareName.MatchString(req.ClientSoftwareName) &&
		softwareName.MatchString(req.ClientSoftwareVersion)):
		resp.ErrorCode = int16(code.InvalidRequest)
		return resp
	}
	for _, a := range apis {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = int16(a.key), a.min, a.max
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	for _, f := range features {
		known := kmsg.NewApiVersionsResponseSupportedFeature()
		known.Name, known.MaxVersion = f.name, f.version
		resp.SupportedFeatures = append(resp.SupportedFeatures, known)
		on := kmsg.NewApiVersionsResponseFinalizedFeature()
		on.Name, on.MinVersionLevel, on.MaxVersionLevel = f.name, f.version, f.version
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, on)
	}
	resp.FinalizedFeaturesEpoch = 0
	return resp
}

// features are what clients ask for before they use it: the groups of KIP-848, the transactions of KIP-890.
var features = []struct {
	name    string
	version int16
}{{"group.version", 1}, {"transaction.version", 2}}
