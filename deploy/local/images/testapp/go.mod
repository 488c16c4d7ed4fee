module plimsoll.dev/testapp

go 1.26.0
