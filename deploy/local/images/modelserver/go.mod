module images.local/modelserver

go 1.24
