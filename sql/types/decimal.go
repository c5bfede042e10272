package types

import "github.com/cockroachdb/apd/v3"

// Decimal is a numeric value: small ones (most) in Coef and Scale, others in Big. The zero Decimal is 0.
type Decimal struct {
	Coef  int64
	Scale int32        // digits after the decimal point: the value is Coef / 10^Scale
	Big   *apd.Decimal // when set it is the value, NaN and infinities included; never changed once set
}
