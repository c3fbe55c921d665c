package member

import "summit/dialect"

// Moonshot's Kimi, China; for api.moonshot.ai, which has keys of its own, set
// base_url. Sampling is fixed. Errors have a type and no code.
// Source: platform.kimi.ai/docs/api (2026-10), models.dev (2026-10).
func init() {
	registerOpenAI(vendor{
		name: "kimi", about: "Moonshot Kimi", maker: "moonshot",
		baseURL: "https://api.moonshot.cn/v1", model: "kimi-k3", keyEnv: []string{"MOONSHOT_API_KEY"},
		quirks: dialect.Quirks{
			MaxTokensField: "max_completion_tokens", ThinkingSwitch: "thinking", ReasoningField: "reasoning_content",
			AlwaysThink: []string{"kimi-k3", "kimi-k2.7-code"},
			Efforts:     map[string]string{"none": "", "minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "max", "max": "max"},
			Strip: []string{"temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "seed", "logit_bias",
				"logprobs", "top_logprobs", "parallel_tool_calls", "metadata", "tools.strict"},
			Pass: []string{"prompt_cache_key"},
		},
	})
}
