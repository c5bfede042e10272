package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DeleteAcls, versions 1 to 3.
//
// It takes back what filters name, also what GRANT has granted.

func (c *conn) deleteACLs(ctx context.Context, req *kmsg.DeleteACLsRequest) response {
	resp := req.ResponseKind().(*kmsg.DeleteACLsResponse)
	wrong := c.mayCluster(kmsg.ACLOperationAlter)
	for _, f := range req.Filters {
		out := kmsg.NewDeleteACLsResponseResult()
		if wrong != code.None {
			out.ErrorCode, out.ErrorMessage = codeAndText(wrong)
			resp.Results = append(resp.Results, out)
			continue
		}
		for _, a := range c.acls(aclFilter{f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Principal, f.Host,
			f.Operation, f.PermissionType}) {
			m := kmsg.NewDeleteACLsResponseResultMatchingACL()
			m.ErrorCode, m.ErrorMessage = codeAndText(c.srv.cfg.ACLs.DeleteACL(ctx, a))
			m.ResourceType, m.ResourceName, m.ResourcePatternType = a.On, a.Name, patternOf(a)
			m.Principal, m.Host, m.Operation = a.Principal, "*", a.Operation
			m.PermissionType = kmsg.ACLPermissionTypeAllow
			out.MatchingACLs = append(out.MatchingACLs, m)
		}
		resp.Results = append(resp.Results, out)
	}
	return resp
}
