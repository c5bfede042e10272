package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeUserScramCredentials, version 0.
//
// It tells which users have passwords, and how they are hashed. No user named asks for all.

func (c *conn) describeScram(_ context.Context, req *kmsg.DescribeUserSCRAMCredentialsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeUserSCRAMCredentialsResponse)
	users := c.srv.cfg.Users
	if users == nil {
		return resp
	}
	var names []string
	times := map[string]int{}
	for _, u := range req.Users {
		if times[u.Name]++; times[u.Name] == 1 {
			names = append(names, u.Name)
		}
	}
	if len(req.Users) == 0 {
		names = users.ScramUsers()
	}
	for _, name := range names {
		out := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
		out.User = name
		found, _ := users.Credentials(name)
		switch {
		case times[name] > 1:
			out.ErrorCode, out.ErrorMessage = codeAndText(code.DuplicateResource)
		case len(found) == 0:
			out.ErrorCode, out.ErrorMessage = codeAndText(code.ResourceNotFound)
		default:
			for _, f := range found {
				info := kmsg.NewDescribeUserSCRAMCredentialsResponseResultCredentialInfo()
				info.Mechanism, info.Iterations = int8(f.Mechanism), f.Iterations
				out.CredentialInfos = append(out.CredentialInfos, info)
			}
		}
		resp.Results = append(resp.Results, out)
	}
	return resp
}
