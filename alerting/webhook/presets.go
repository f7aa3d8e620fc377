package webhook

const presetZalo = "zalo"

// presets are the gateways that we know, by name; "" is no preset.
//
// Only the request of eSMS and its code 100 were seen in the provider's own
// pages; the form of SpeedSMS's answer and Zalo's address in programs of
// others. The other codes are to be checked with each provider before use; none
// was tried with a real account. What differs can be set in the configuration.
func presets() map[string]Config {
	return map[string]Config{
		"": {
			Name:    "webhook",
			Headers: map[string]string{"Content-Type": "application/json"},
			Body: `{"key":{{json .Key}},"incident":{{json .Incident}},"revision":{{.Revision}},"kind":{{json .Kind}},"state":{{json .State}},` +
				`"open":{{.Open}},"to":{{json .To}},"site":{{json .Site}},"title":{{json .Title}},"text":{{json .Text}},"link":{{json .Link.URL}}}`,
		},
		"esms": {
			Name:    "sms",
			URL:     "https://rest.esms.vn/MainService.svc/json/SendMultipleMessage_V4_post_json/",
			Headers: map[string]string{"Content-Type": "application/json"},
			Body: `{"ApiKey":{{json .Secret.api_key}},"SecretKey":{{json .Secret.secret_key}},"Phone":{{json .Number}},"Content":{{json .Text}},` +
				`"Brandname":{{json .Sender}},"SmsType":"2","IsUnicode":"{{if .Accented}}1{{else}}0{{end}}","RequestId":{{json .Key}}}`,
			Success:   Rule{Field: "CodeResult", Values: []string{"100"}},
			Repeated:  []string{"124"},
			Permanent: []string{"102"},
			Repair:    []string{"101", "103", "104", "118"},
		},
		"speedsms": {
			Name:    "sms",
			URL:     "https://api.speedsms.vn/index.php/sms/send",
			Headers: map[string]string{"Content-Type": "application/json", "Authorization": `Basic {{base64 (print .Secret.access_token ":x")}}`},
			Body:    `{"to":[{{json .International}}],"content":{{json .Text}},"sms_type":{{if .Sender}}3{{else}}2{{end}},"sender":{{json .Sender}}}`,
			Success: Rule{Field: "code", Values: []string{"00"}},

			Permanent: []string{"105", "110", "113"},
			Repair:    []string{"007", "008", "009", "300"},
		},
		presetZalo: {
			Name:    "zalo",
			URL:     "https://business.openapi.zalo.me/message/template",
			Headers: map[string]string{"Content-Type": "application/json", "access_token": "{{.Token}}"},
			Body: `{"phone":{{json .International}},"template_id":{{json .Template}},"tracking_id":{{json .Key}},` +
				`"template_data":{"noi":{{json .Site}},"noi_dung":{{json .Text}},"ma":{{json .Incident}}}}`,
			Success:   Rule{Field: "error", Values: []string{"0"}},
			Permanent: []string{"-108", "-118", "-119"},
			Repair:    []string{"-131", "-135", "-115"},
			Token:     TokenConfig{URL: "https://oauth.zaloapp.com/v4/oa/access_token", Expired: []string{"-124"}},
		},
		"modem": {
			Name:    "sms",
			URL:     "http://127.0.0.1:8089/sms",
			Headers: map[string]string{"Content-Type": "application/json"},
			Body:    `{"id":{{json .Key}},"number":{{json .Number}},"text":{{json .Text}}}`,
		},
	}
}

// required are the secrets that a preset cannot do without.
func required() map[string][]string {
	return map[string][]string{"esms": {"api_key", "secret_key"}, "speedsms": {"access_token"}, presetZalo: {"secret_key"}}
}
