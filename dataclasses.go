package metlo

import (
	"context"
	"net/http"
)

// DataClassesService reads the kinds of sensitive data that the instance knows.
type DataClassesService struct{ client *Client }

// DataClass is a kind of sensitive data.
type DataClass struct {
	ClassName string    `json:"className"` // the name that data fields and filters use
	Severity  RiskScore `json:"severity"`  // risk of an endpoint that holds it
	ShortName string    `json:"shortName"` // empty for Email, Address and classes of the instance's configuration
	Regex     string    `json:"regex"`     // pattern of the values; only the agents' configuration has it
	KeyRegex  string    `json:"keyRegex"`  // pattern of the field names; only the agents' configuration has it
}

func (d *DataClass) accept() error { return hasID(d.ClassName) }

// List returns all data classes: the built-in ones that are not disabled, then those of the configuration. The server
// caches its answer for 30 s.
//
// GET /data-class
func (s *DataClassesService) List(ctx context.Context) ([]DataClass, error) {
	return fetchAll(ctx, s.client, newRequest("DataClasses.List", http.MethodGet, "/data-class"), (*DataClass).accept)
}

// Names of the data classes built into Metlo. An instance's configuration can add classes and disable these, so a data
// class is a plain string everywhere.
const (
	ClassEmail                 = "Email"
	ClassCreditCard            = "Credit Card Number"
	ClassSocialSecurityNumber  = "Social Security Number"
	ClassPhoneNumber           = "Phone Number"
	ClassIPAddress             = "IP Address"
	ClassGeographicCoordinates = "Geographic Coordinates"
	ClassVehicleIdentification = "Vehicle Identification Number"
	ClassAddress               = "Address"
	ClassDateOfBirth           = "Date of Birth"
	ClassDriverLicense         = "Driver License Number"
	ClassAadharNumber          = "Aadhar Number"
	ClassBrazilCPF             = "Brazil CPF"
)
