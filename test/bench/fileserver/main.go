// Serves a folder on a free port of 127.0.0.1, which it prints: its files, and its folders as buckets of a store that lists what is in them.
// It hands files to the kernel (sendfile), so that what is measured is whoever reads.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	root := os.Args[1]
	files := http.FileServer(http.Dir(root))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Query().Has("versions") {
			list(answer, filepath.Join(root, path.Clean("/"+request.URL.Path)))
		} else {
			files.ServeHTTP(answer, request)
		}
	})))
}

// list answers as an S3-compatible store does that keeps no versions, for a bucket without folders.
func list(answer http.ResponseWriter, bucket string) {
	entries, err := os.ReadDir(bucket)
	if err != nil {
		http.Error(answer, "no such bucket", http.StatusNotFound)
		return
	}
	fmt.Fprint(answer, "<ListVersionsResult><IsTruncated>false</IsTruncated>")
	for _, entry := range entries {
		fmt.Fprintf(answer, "<Version><Key>%s</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>", entry.Name())
		fmt.Fprint(answer, "<LastModified>2026-01-01T00:00:00Z</LastModified></Version>")
	}
	fmt.Fprint(answer, "</ListVersionsResult>")
}
