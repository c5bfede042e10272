package kafka

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// CreateAcls, versions 1 to 3.
//
// It allows a user something with topics, groups, transactional IDs or the cluster, from everywhere. What cannot be
// kept, denials and single hosts among it, is an INVALID_REQUEST, which says so.

func (c *conn) createACLs(ctx context.Context, req *kmsg.CreateACLsRequest) response {
	resp := req.ResponseKind().(*kmsg.CreateACLsResponse)
	for i := range req.Creations {
		out := kmsg.NewCreateACLsResponseResult()
		out.ErrorCode, out.ErrorMessage = codeAndText(c.createACL(ctx, &req.Creations[i]))
		resp.Results = append(resp.Results, out)
	}
	return resp
}

func (c *conn) createACL(ctx context.Context, r *kmsg.CreateACLsRequestCreation) error {
	if wrong := c.mayCluster(kmsg.ACLOperationAlter); wrong != code.None {
		return wrong
	}
	a := ACL{Principal: r.Principal, On: r.ResourceType, Name: r.ResourceName, Operation: r.Operation,
		Prefixed: r.ResourcePatternType == kmsg.ACLResourcePatternTypePrefixed}
	problem := ""
	switch {
	case c.srv.cfg.ACLs == nil:
		problem = "this server keeps no ACLs"
	case !strings.HasPrefix(r.Principal, "User:") || r.Principal == "User:":
		problem = "a principal is User: and a name"
	case r.Host != "*":
		problem = "an ACL counts for all hosts"
	case r.PermissionType != kmsg.ACLPermissionTypeAllow:
		problem = "an ACL can only allow"
	case !a.Prefixed && r.ResourcePatternType != kmsg.ACLResourcePatternTypeLiteral:
		problem = "a name is literal or prefixed"
	case r.ResourceName == "":
		problem = "a resource has a name"
	case r.ResourceType == kmsg.ACLResourceTypeCluster && (r.ResourceName != clusterName || a.Prefixed):
		problem = "the name of the cluster is " + clusterName
	case r.Operation < kmsg.ACLOperationAll || !possible(r.ResourceType, r.Operation):
		problem = fmt.Sprintf("operation %s is not for resources of type %s", r.Operation, r.ResourceType)
	}
	if problem != "" {
		return fmt.Errorf("%w: %s", code.InvalidRequest, problem)
	}
	return c.srv.cfg.ACLs.CreateACL(ctx, a)
}

// possible reports whether there is an operation on resources of a type.
func possible(on kmsg.ACLResourceType, op kmsg.ACLOperation) bool {
	var ops []kmsg.ACLOperation
	switch on {
	case kmsg.ACLResourceTypeTopic:
		ops = []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate,
			kmsg.ACLOperationDelete, kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe,
			kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs}
	case kmsg.ACLResourceTypeGroup:
		ops = []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationDelete, kmsg.ACLOperationDescribe}
	case kmsg.ACLResourceTypeCluster:
		ops = []kmsg.ACLOperation{kmsg.ACLOperationCreate, kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe,
			kmsg.ACLOperationClusterAction, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationAlterConfigs,
			kmsg.ACLOperationIdempotentWrite}
	case kmsg.ACLResourceTypeTransactionalId:
		ops = []kmsg.ACLOperation{kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe}
	default:
		return false
	}
	for _, o := range ops {
		if op == o || op == kmsg.ACLOperationAll {
			return true
		}
	}
	return false
}
