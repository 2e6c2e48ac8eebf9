package testingconfig_test

import (
	"errors"
	"fmt"

	"github.com/metlo-go/metlo/testingconfig"
)

func ExampleValidate() {
	statements, err := testingconfig.Parse(`
host "shop.example.com" {
  authType = "headers"
}`)
	var syntax *testingconfig.SyntaxError
	if errors.As(err, &syntax) {
		fmt.Println(syntax.Line, syntax.Column, syntax.Message)
		return
	}
	for _, issue := range testingconfig.Validate(statements) {
		fmt.Println(issue)
	}
	// Output:
	// 3:14: 0.members.authType: Invalid enum value. Expected 'basic' | 'header' | 'jwt' | 'session_cookie', received 'headers'
}

func ExampleFormat() {
	statements, err := testingconfig.Parse(`actor Customer{items=[{"id":"c1"}]} has_permission(Customer,["read"],Order)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(testingconfig.Format(statements))
	// Output:
	// actor Customer {
	//   items = [{"id": "c1"}]
	// }
	//
	// has_permission(Customer, ["read"], Order)
}

func ExampleNewConfig() {
	statements, err := testingconfig.Parse(`has_permission(Customer(id="c1"), ["read"], Order)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range testingconfig.NewConfig(statements).Permissions {
		fmt.Println(p.Actor.Name, p.Permissions, p.Resource.Name)
	}
	// Output: Customer [read] Order
}
