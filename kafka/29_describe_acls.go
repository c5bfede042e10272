package kafka

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeAcls, versions 1 to 3.
//
// It lists what is allowed: by ACLs, and by GRANT in SQL. There are no denials and no hosts but "*". Version 1 has
// patterns of names: a literal name, "*" for all, or what names begin with.

// An aclFilter says which ACLs are meant.
type aclFilter struct {
	on         kmsg.ACLResourceType
	name       *string
	pattern    kmsg.ACLResourcePatternType
	principal  *string
	host       *string
	operation  kmsg.ACLOperation
	permission kmsg.ACLPermissionType
}

// matches reports whether an ACL is meant.
func (f *aclFilter) matches(a ACL) bool {
	return (f.on == kmsg.ACLResourceTypeAny || f.on == a.On) &&
		(f.principal == nil || *f.principal == a.Principal) && (f.host == nil || *f.host == "*") &&
		(f.operation == kmsg.ACLOperationAny || f.operation == a.Operation) &&
		(f.permission == kmsg.ACLPermissionTypeAny || f.permission == kmsg.ACLPermissionTypeAllow) && f.named(a)
}

// named reports whether the name of an ACL is meant.
func (f *aclFilter) named(a ACL) bool {
	switch f.pattern {
	case kmsg.ACLResourcePatternTypeLiteral:
		return !a.Prefixed && (f.name == nil || *f.name == a.Name)
	case kmsg.ACLResourcePatternTypePrefixed:
		return a.Prefixed && (f.name == nil || *f.name == a.Name)
	case kmsg.ACLResourcePatternTypeMatch: // those that count for an object of this name
		return f.name == nil || *f.name == a.Name || a.Name == "*" && !a.Prefixed ||
			a.Prefixed && strings.HasPrefix(*f.name, a.Name)
	}
	return f.name == nil || *f.name == a.Name
}

// patternOf says how the name of an ACL is meant.
func patternOf(a ACL) kmsg.ACLResourcePatternType {
	if a.Prefixed {
		return kmsg.ACLResourcePatternTypePrefixed
	}
	return kmsg.ACLResourcePatternTypeLiteral
}

// acls lists the ACLs that are meant.
func (c *conn) acls(f aclFilter) []ACL {
	var out []ACL
	if c.srv.cfg.ACLs == nil {
		return nil
	}
	for _, a := range c.srv.cfg.ACLs.ACLs() {
		if f.matches(a) {
			out = append(out, a)
		}
	}
	return out
}

func (c *conn) describeACLs(_ context.Context, req *kmsg.DescribeACLsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeACLsResponse)
	type resource struct {
		on      kmsg.ACLResourceType
		name    string
		pattern kmsg.ACLResourcePatternType
	}
	at := map[resource]int{}
	for _, a := range c.acls(aclFilter{req.ResourceType, req.ResourceName, req.ResourcePatternType, req.Principal,
		req.Host, req.Operation, req.PermissionType}) {
		r := resource{a.On, a.Name, patternOf(a)}
		i, there := at[r]
		if !there {
			i, at[r] = len(resp.Resources), len(resp.Resources)
			out := kmsg.NewDescribeACLsResponseResource()
			out.ResourceType, out.ResourceName, out.ResourcePatternType = r.on, r.name, r.pattern
			resp.Resources = append(resp.Resources, out)
		}
		acl := kmsg.NewDescribeACLsResponseResourceACL()
		acl.Principal, acl.Host, acl.Operation = a.Principal, "*", a.Operation
		acl.PermissionType = kmsg.ACLPermissionTypeAllow
		resp.Resources[i].ACLs = append(resp.Resources[i].ACLs, acl)
	}
	return resp
}
