package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// An api is an API that the door serves, in which versions.
type api struct {
	key      kmsg.Key
	min, max int16
	handle   handler
}

// A handler answers a request.
type handler func(*conn, context.Context, kmsg.Request) response

// on makes a handler of a method for one kind of request.
func on[R kmsg.Request](h func(*conn, context.Context, R) response) handler {
	return func(c *conn, ctx context.Context, r kmsg.Request) response { return h(c, ctx, r.(R)) }
}

// apis is what the door serves, by key. A minimum never rises: clients look for old versions to tell what a broker can
// do.
var apis []api

func init() {
	apis = []api{
		{kmsg.Produce, 0, 11, on((*conn).produce)},
		{kmsg.Fetch, 4, 13, on((*conn).fetch)},
		{kmsg.ListOffsets, 1, 8, on((*conn).listOffsets)},
		{kmsg.Metadata, 0, 12, on((*conn).metadata)},
		{kmsg.ApiVersions, 0, 4, on((*conn).apiVersions)},
		{kmsg.CreateTopics, 2, 7, on((*conn).createTopics)},
		{kmsg.DeleteTopics, 1, 6, on((*conn).deleteTopics)},
	}
	for i := range apis {
		byKey[apis[i].key] = &apis[i]
	}
}

// byKey finds an API.
var byKey [128]*api

func apiOf(key int16) (*api, bool) {
	if key < 0 || int(key) >= len(byKey) || byKey[key] == nil {
		return nil, false
	}
	return byKey[key], true
}
