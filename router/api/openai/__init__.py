"""OpenAI's surface: chat completions, responses and models, spoken so that its SDKs notice no difference."""
