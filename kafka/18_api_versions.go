package kafka

import (
	"context"
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
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
		resp.ErrorCode = int16(UnsupportedVersion)
	case req.Version >= 3 && !(softwareName.MatchString(req.ClientSoftwareName) &&
		softwareName.MatchString(req.ClientSoftwareVersion)):
		resp.ErrorCode = int16(InvalidRequest)
		return resp
	}
	for _, a := range apis {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = int16(a.key), a.min, a.max
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	return resp
}
