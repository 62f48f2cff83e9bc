package main

import (
	"os"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
