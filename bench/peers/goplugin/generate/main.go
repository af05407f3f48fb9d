// Generate writes the package kv as protoc with go-plugin's generator would: of a descriptor, so that no protoc is needed.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/knqyf263/go-plugin/gen"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const store = `
name: "kv/kv.proto" package: "kv" syntax: "proto3" options { go_package: "berth/bench/peers/goplugin/kv" }
message_type { name: "SetRequest"
  field { name: "key" json_name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "value" json_name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL } }
message_type { name: "SetReply"
  field { name: "etag" json_name: "etag" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "GetRequest"
  field { name: "key" json_name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "GetReply"
  field { name: "value" json_name: "value" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "etag" json_name: "etag" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
service { name: "Store"
  method { name: "Set" input_type: ".kv.SetRequest" output_type: ".kv.SetReply" }
  method { name: "Get" input_type: ".kv.GetRequest" output_type: ".kv.GetReply" } }
source_code_info { location { path: 6 path: 0 span: 0 span: 0 span: 0 leading_comments: " go:plugin type=plugin version=1\n" } }
`

func main() {
	log.SetFlags(0)
	file := &descriptorpb.FileDescriptorProto{}
	must(prototext.Unmarshal([]byte(store), file))
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file.GetName()},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{file},
	})
	must(err)
	generator, err := gen.NewGenerator(plugin)
	must(err)
	for _, f := range plugin.Files {
		generator.GenerateFiles(f, gen.Options{})
	}
	response := plugin.Response()
	if response.Error != nil {
		log.Fatal(*response.Error)
	}
	for _, f := range response.File {
		must(os.MkdirAll(filepath.Dir(f.GetName()), 0o755))
		must(os.WriteFile(f.GetName(), []byte(f.GetContent()), 0o644))
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
