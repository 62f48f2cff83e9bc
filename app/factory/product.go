package factory

import "fmt"

// Product is the content of a document of kind DocumentProduct.
type Product struct {
	// Name is the display name, "" if there is none.
	Name string `json:"name"`
	// IdealCycle is the shortest possible time per piece in seconds; nil is unknown.
	IdealCycle *float64 `json:"ideal_cycle_s"`
	// Unit is the UCUM unit of a piece, "" for pieces that are counted.
	Unit string `json:"unit"`
}

// MaxIdealCycle is the longest ideal time per piece, in seconds.
const MaxIdealCycle = 366 * 24 * 60 * 60

// ValidateIdealCycle checks an ideal time per piece: above zero and at most
// MaxIdealCycle. Its error wraps ErrInvalid.
func ValidateIdealCycle(seconds float64) error {
	if !(seconds > 0 && seconds <= MaxIdealCycle) {
		return fmt.Errorf("must be above 0 and at most %d seconds: %w", MaxIdealCycle, ErrInvalid)
	}
	return nil
}

// ParseProduct decodes a product document and checks its members. Its error is
// MemberErrors, or wraps ErrInvalid.
func ParseProduct(data []byte) (Product, error) {
	var p Product
	if err := DecodeDocument(data, &p); err != nil {
		return p, err
	}
	var faults MemberErrors
	if p.Name != "" {
		faults.AddError("/name", ValidateName(kindDisplay, p.Name))
	}
	if p.IdealCycle != nil {
		faults.AddError("/ideal_cycle_s", ValidateIdealCycle(*p.IdealCycle))
	}
	faults.AddError("/unit", ValidateUnit(p.Unit))
	return p, faults.Err()
}
