// Says how GitOps tools read an object: Argo CD, by a health script in its own Lua engine, and Flux, by kstatus.
//
// Reads {"lua": ..., "objects": [...]} from standard input; writes a list of {"argocd", "message", "kstatus"} in the same order.
package main

import (
	"encoding/json"
	"log"
	"os"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	Lua     string                       `json:"lua"`
	Objects []*unstructured.Unstructured `json:"objects"`
}

type answer struct {
	ArgoCD  string `json:"argocd"`
	Message string `json:"message"`
	Kstatus string `json:"kstatus"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	answers := []answer{}
	for _, object := range asked.Objects {
		answers = append(answers, judge(asked.Lua, object))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func judge(script string, object *unstructured.Unstructured) answer {
	engine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer engine.Close()
	// The libraries that Argo CD opens for health scripts.
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := engine.CallByParam(lua.P{Fn: engine.NewFunction(open), NRet: 0, Protect: true}, lua.LString(name)); err != nil {
			log.Fatal(err)
		}
	}
	engine.SetGlobal("obj", toLua(engine, object.Object))
	if err := engine.DoString(script); err != nil {
		log.Fatal(err)
	}
	health, ok := engine.Get(-1).(*lua.LTable)
	if !ok {
		log.Fatal("the script returned no table")
	}
	result, err := status.Compute(object)
	if err != nil {
		log.Fatal(err)
	}
	return answer{
		ArgoCD:  lua.LVAsString(health.RawGetString("status")),
		Message: lua.LVAsString(health.RawGetString("message")),
		Kstatus: result.Status.String(),
	}
}

func toLua(engine *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := engine.NewTable()
		for key, member := range value {
			table.RawSetString(key, toLua(engine, member))
		}
		return table
	case []any:
		table := engine.NewTable()
		for _, item := range value {
			table.Append(toLua(engine, item))
		}
		return table
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case bool:
		return lua.LBool(value)
	}
	return lua.LNil
}
