package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeLogDirs, versions 1 to 4.
//
// There is one directory. How large the disk is, version 4 could say: it is not known here.

func (c *conn) describeLogDirs(_ context.Context, req *kmsg.DescribeLogDirsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir, dir.TotalBytes, dir.UsableBytes = c.srv.cfg.Dir, -1, -1
	describe := func(t Topic, wanted func(int32) bool) {
		out := kmsg.NewDescribeLogDirsResponseDirTopic()
		out.Topic = t.Name
		for n, p := range t.Partitions {
			size, err := c.srv.cfg.Storage.SizeBytes(p)
			if err != nil || !wanted(int32(n)) {
				continue
			}
			op := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			op.Partition, op.Size = int32(n), size
			out.Partitions = append(out.Partitions, op)
		}
		dir.Topics = append(dir.Topics, out)
	}
	if req.Topics == nil {
		for _, t := range c.srv.cfg.Topics.Topics() {
			describe(t, func(int32) bool { return true })
		}
	}
	for _, rt := range req.Topics {
		if t, ok := c.srv.cfg.Topics.Topic(rt.Topic); ok {
			asked := map[int32]bool{}
			for _, n := range rt.Partitions {
				asked[n] = true
			}
			describe(t, func(n int32) bool { return asked[n] })
		}
	}
	resp.Dirs = append(resp.Dirs, dir)
	return resp
}
