package types

// Parse reads the text of a value of type t as PostgreSQL's input functions do, type modifier included. Errors have
// its wording and codes (22P02, 22003, 22007, 22008 …).
func Parse(t Type, s string, env Env) (Value, error) {
	v := Value{Type: t}
	var err error
	switch t.Kind {
	case KindBool:
		v.Bool, err = ParseBool(s)
	case KindInt2, KindInt4, KindInt8:
		v.Int, err = ParseInt(s, t.Bits())
	case KindOID, KindRegclass, KindRegtype, KindRegproc, KindRegnamespace, KindRegrole, KindXID,
		KindRegprocedure, KindRegoperator, KindCID, KindRegoper, KindRegcollation, KindRegconfig, KindRegdictionary:
		v.Int, err = parseOID(t, s, env)
	case KindLSN:
		v.Int, err = parseLSN(s)
	case KindXID8:
		v.Int, err = parseXID8(s)
	case KindFloat4, KindFloat8:
		v.Float, err = ParseFloat(s, t.Bits())
	case KindNumeric:
		v.Dec, err = ParseDecimal(s)
	case KindDate:
		v.Int, err = ParseDate(s, env)
	case KindTime:
		v.Int, err = ParseTime(s, env)
	case KindTimestamp:
		v.Int, err = ParseTimestamp(s, env)
	case KindTimestampTZ:
		v.Int, err = ParseTimestampTZ(s, env)
	case KindInterval:
		v.Ivl, err = ParseInterval(s)
	case KindEnum:
		v.Int, err = ParseEnum(t, s, env)
	case KindArray:
		return parseArray(t, s, env)
	case KindStruct:
		return parseStruct(t, s, env)
	case KindMap:
		return parseMap(t, s, env)
	default:
		v.Str, err = parseBytes(t, s)
	}
	if err == nil && t.Mod >= 0 {
		v, err = v.Fit(t, false)
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// Bits returns the size of an integer or float type.
func (t Type) Bits() int {
	switch t.Kind {
	case KindInt2:
		return 16
	case KindInt4, KindFloat4:
		return 32
	default:
		return 64
	}
}

// parseBytes reads a value of the ClassBytes types.
func parseBytes(t Type, s string) (string, error) {
	switch t.Kind {
	case KindBytea:
		b, err := ParseBytea(nil, s)
		return string(b), err
	case KindUUID:
		u, err := ParseUUID(s)
		return string(u[:]), err
	case KindInet, KindCIDR:
		return parseNetwork(t, s)
	}
	if err := CheckText(s); err != nil {
		return "", err
	}
	switch t.Kind {
	case KindJSON:
		return s, CheckJSON(s)
	case KindJSONB:
		b, err := NormalizeJSONB(nil, s)
		return string(b), err
	case KindJSONPath:
		path, err := ReadJSONPath(s)
		if err != nil {
			return "", err
		}
		return path.String(), nil
	case KindName, KindCharByte:
		return fitText(t, s, false)
	case KindTID:
		return parseTID(s)
	case KindSnapshot, KindTxidSnapshot:
		snap, err := ParseSnapshot(t, s)
		return snap.String(), err
	}
	return s, nil
}

// Fit returns v under the modifier of t, a type of v's class: numerics, times and intervals rounded, strings cut or
// padded. explicit is a cast's more lenient way with strings that are too long.
func (v Value) Fit(t Type, explicit bool) (Value, error) {
	v.Type = t
	if v.Null {
		return v, nil
	}
	var err error
	switch t.Kind {
	case KindNumeric:
		if p, s := t.PrecisionScale(); p > 0 {
			v.Dec, err = v.Dec.Fit(p, s)
		}
	case KindVarchar, KindChar, KindName, KindCharByte:
		v.Str, err = fitText(t, v.Str, explicit)
	case KindTime, KindTimestamp, KindTimestampTZ:
		v.Int = t.RoundMicros(v.Int)
	case KindInterval:
		v.Ivl.Micros = t.RoundMicros(v.Ivl.Micros)
	}
	return v, err
}

// AppendText prints v as PostgreSQL does, in the style of env; nothing for NULL.
func AppendText(dst []byte, v Value, env Env) []byte {
	if v.Null {
		return dst
	}
	switch t := v.Type; t.Kind {
	case KindBool:
		return AppendBool(dst, v.Bool)
	case KindFloat4, KindFloat8:
		return AppendFloatStyle(dst, t, v.Float, env.Style)
	case KindNumeric:
		return AppendDecimal(dst, v.Dec)
	case KindInterval:
		return AppendIntervalText(dst, v.Ivl, env)
	case KindArray:
		return appendArray(dst, v, env)
	case KindStruct:
		return appendRecord(dst, v, env)
	case KindMap:
		return AppendJSON(dst, v, env)
	default:
		if t.Class() == ClassInt {
			return AppendIntText(dst, t, v.Int, env)
		}
		return AppendBytesText(dst, t, v.Str, env)
	}
}

// AppendIntText prints a value of one of the ClassInt types.
func AppendIntText(dst []byte, t Type, v int64, env Env) []byte {
	switch t.Kind {
	case KindDate:
		return appendDateStyle(dst, v, env.Style)
	case KindTime:
		return AppendTime(dst, v)
	case KindTimestamp:
		return appendTimestampStyle(dst, v, false, nil, env.Style)
	case KindTimestampTZ:
		return appendTimestampStyle(dst, v, true, env.Location, env.Style)
	case KindInt2, KindInt4, KindInt8, KindXID8:
		return AppendInt(dst, v)
	case KindEnum:
		return append(dst, t.Enum().of(v)...)
	case KindLSN:
		return appendLSN(dst, v)
	default:
		return appendOID(dst, t, v, env)
	}
}

// AppendBytesText prints a value of one of the ClassBytes types.
func AppendBytesText[S string | []byte](dst []byte, t Type, s S, env Env) []byte {
	switch t.Kind {
	case KindBytea:
		return AppendByteaStyle(dst, s, env.Style)
	case KindUUID:
		return AppendUUID(dst, s)
	case KindInet, KindCIDR:
		return NetworkOf(s).append(dst, t.Kind == KindCIDR)
	default:
		return append(dst, s...)
	}
}

// String prints v, NULL as NULL, timestamps in UTC.
func (v Value) String() string {
	if v.Null {
		return "NULL"
	}
	return string(AppendText(nil, v, Env{}))
}
