package catalog

import "hash/fnv"

// The numbers of schemas and roles that every database has, as in PostgreSQL where it has them.
const (
	SystemSchemaID = 11
	PublicSchemaID = 2200
	BootstrapID    = 10
)

// SystemSchemas are the schemas of the server itself, by name.
var SystemSchemas = map[string]uint32{"pg_catalog": SystemSchemaID, "information_schema": 13000, "leat_catalog": 13001}

// SchemaID returns the number of a schema: it is made of the name, as schemas are kept without one.
func (s *Snapshot) SchemaID(name string) (uint32, bool) {
	if id, ok := SystemSchemas[name]; ok {
		return id, true
	}
	if name == Public {
		return PublicSchemaID, true
	}
	return nameID(name), s.HasSchema(name)
}

// SchemaByID returns the name of the schema with that number.
func (s *Snapshot) SchemaByID(id uint32) (string, bool) {
	for name, n := range SystemSchemas {
		if n == id {
			return name, true
		}
	}
	if id == PublicSchemaID {
		return Public, true
	}
	for _, schema := range s.schemas {
		if nameID(schema.Name) == id {
			return schema.Name, true
		}
	}
	return "", false
}

// RoleID returns the number of a role, which is made of its name.
func (s *Snapshot) RoleID(name string) (uint32, bool) {
	if name == Bootstrap {
		return BootstrapID, true
	}
	_, ok := s.roles[name]
	return nameID(name), ok && name != Everybody
}

// RoleByID returns the name of the role with that number.
func (s *Snapshot) RoleByID(id uint32) (string, bool) {
	if id == BootstrapID {
		return Bootstrap, true
	}
	for name := range s.roles {
		if name != Everybody && name != Bootstrap && nameID(name) == id {
			return name, true
		}
	}
	return "", false
}

// FunctionByID returns the function of CREATE FUNCTION with that ID.
func (s *Snapshot) FunctionByID(id uint32) (*Function, bool) {
	for _, fs := range s.functions {
		for _, f := range fs {
			if f.ID == id {
				return f, true
			}
		}
	}
	return nil, false
}

// nameID makes a number of a name. It is above those that are counted.
func nameID(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32() | 1<<31
}
