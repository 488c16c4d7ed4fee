module fileserver

go 1.23
