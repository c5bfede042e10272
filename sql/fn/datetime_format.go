package fn

func formatDecls() []Scalar { return nil }
