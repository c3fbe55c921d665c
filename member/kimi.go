package member

import (
	"summit/dialect"
	"summit/llm"
)

// Moonshot's Kimi, China; for api.moonshot.ai, which has keys of its own, set
// base_url. Sampling is fixed. Errors have a type and no code.
// Source: platform.kimi.ai/docs/api (2026-10), models.dev (2026-10).
func init() {
	const source = "models.dev, 2026-10"
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
		models: []llm.Card{
			{Model: "kimi-k3", Family: "kimi-k3", WindowTokens: 1_048_576, Reasoning: true, Prices: listed("USD", "3", "15", "0.30", source)},
			{Model: "kimi-k2.7-code", Family: "kimi-k2", Reasoning: true, Prices: listed("USD", "0.95", "4", "0.19", source)},
			{Model: "kimi-k2.6", Family: "kimi-k2", WindowTokens: 262_144, Reasoning: true, Prices: listed("USD", "0.95", "4", "0.16", source)},
		},
	})
}
