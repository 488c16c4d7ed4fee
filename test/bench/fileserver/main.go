// Serves a folder on a free port of 127.0.0.1, which it prints. It hands files to the kernel (sendfile), so that what is measured is whoever reads.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.FileServer(http.Dir(os.Args[1]))))
}
