package member

import (
	"summit/dialect"
	"summit/llm"
)

// iFlytek Spark X over HTTP. Failures come with HTTP 200 and a code; some
// streams have no finish_reason. For Lite, Pro, Max and Ultra set base_url to
// https://spark-api-open.xf-yun.com/v1 and the model.
// Source: www.xfyun.cn/doc/spark X1http (2025-11-03); codes by memory.
func init() { registerOpenAI(spark()) }

func spark() vendor {
	return vendor{
		name: "spark", about: "iFlytek Spark", maker: "iflytek",
		baseURL: "https://spark-api-open.xf-yun.com/v2", model: "spark-x", keyEnv: []string{"SPARK_API_PASSWORD"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", NoFinish: true, NoStreamOptions: true,
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:   []string{"seed", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls", "metadata", "tools.strict"},
			Codes: map[string]llm.ErrorKind{
				"10003": llm.Unsupported, "10004": llm.Unsupported, "10005": llm.Unsupported, "10163": llm.Unsupported,
				"10006": llm.RateLimited, "10007": llm.RateLimited, "11202": llm.RateLimited, "11203": llm.RateLimited,
				"10008": llm.Overloaded, "10009": llm.Overloaded, "10010": llm.Overloaded, "10011": llm.Overloaded, "10012": llm.Overloaded, "10110": llm.Overloaded, "10222": llm.Overloaded,
				"10013": llm.Filtered, "10014": llm.Filtered, "10019": llm.Filtered,
				"10015": llm.Forbidden, "10016": llm.Forbidden, "10907": llm.TooLong,
				"11200": llm.QuotaExhausted, "11201": llm.QuotaExhausted,
			},
		},
	}
}
