//! What the CloudFormation template promises, read from the template itself.

#![allow(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]

use serde_json::{Value, json};

fn template() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    serde_norway::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn resource(name: &str) -> Value {
    let resource = &template()["Resources"][name];
    assert!(resource.is_object(), "there is no resource {name}");
    resource["Properties"].clone()
}

fn of_type(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let all = template["Resources"].as_object().unwrap().iter();
    all.filter(|(_, r)| r["Type"] == kind)
        .map(|(name, r)| (name.clone(), r["Properties"].clone()))
        .collect()
}

/// All statements of a policy document or a list of policies.
fn statements(policies: &Value) -> Vec<Value> {
    let list = policies.as_array().cloned().unwrap_or_else(|| vec![policies.clone()]);
    list.iter()
        .flat_map(|policy| {
            let document = policy.get("PolicyDocument").unwrap_or(policy);
            document["Statement"].as_array().cloned().unwrap_or_default()
        })
        .collect()
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => many.as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect(),
    }
}

#[test]
fn the_bucket_is_private_encrypted_and_outlives_the_stack() {
    let bucket = resource("Bucket");
    for block in
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
    {
        assert_eq!(bucket["PublicAccessBlockConfiguration"][block], true, "{block}");
    }
    let ownership = &bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"];
    assert_eq!(ownership, "BucketOwnerEnforced");
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    assert_eq!(encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    let whole = &template()["Resources"]["Bucket"];
    assert_eq!(
        (&whole["DeletionPolicy"], &whole["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );
    // Versions would keep what must be gone.
    assert!(bucket["VersioningConfiguration"].is_null());
}

#[test]
fn everything_that_people_recorded_expires_and_uploads_do_not_linger() {
    let bucket = resource("Bucket");
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    for prefix in deskreel_format::key::KINDS {
        let rule = rules.iter().find(|rule| rule["Prefix"] == prefix).unwrap();
        assert_eq!(rule["Status"], "Enabled");
        assert_eq!(rule["ExpirationInDays"], json!({ "Ref": "KeepDays" }), "{prefix}");
    }
    let abort = rules.iter().find(|rule| !rule["AbortIncompleteMultipartUpload"].is_null());
    assert_eq!(abort.unwrap()["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 1);
    // A rule without a prefix would delete the player and the keys.
    assert!(
        rules.iter().all(|rule| rule["ExpirationInDays"].is_null() || rule["Prefix"].is_string())
    );
    let days = &template()["Parameters"]["KeepDays"];
    assert_eq!((&days["Default"], &days["MinValue"]), (&json!(2), &json!(2)));
}

#[test]
fn only_tls_gets_in_and_only_the_players_origin_reads() {
    let policy = statements(&resource("BucketPolicy")["PolicyDocument"]);
    let tls = policy.iter().find(|s| s["Sid"] == "TlsOnly").unwrap();
    assert_eq!(
        (&tls["Effect"], &tls["Principal"], &tls["Action"]),
        (&json!("Deny"), &json!("*"), &json!("s3:*"))
    );
    assert_eq!(tls["Condition"]["Bool"]["aws:SecureTransport"], "false");
    assert_eq!(tls["Resource"].as_array().unwrap().len(), 2);
    let cors = &resource("Bucket")["CorsConfiguration"]["CorsRules"];
    assert_eq!(cors.as_array().unwrap().len(), 1);
    assert_eq!(cors[0]["AllowedMethods"], json!(["GET", "HEAD"]));
    assert_eq!(cors[0]["AllowedOrigins"], json!([{ "Ref": "PlayerOrigin" }]));
    // The public reads through CloudFront only, and only the player.
    for allow in policy.iter().filter(|s| s["Effect"] == "Allow") {
        assert_eq!(allow["Principal"]["Service"], "cloudfront.amazonaws.com");
        assert_eq!(allow["Resource"]["Fn::Sub"], "${Bucket.Arn}/player/*");
        assert!(!allow["Condition"]["StringEquals"]["aws:SourceArn"].is_null());
    }
}

#[test]
fn keys_of_grants_replace_only_indexes_and_delete_nothing() {
    let policy = statements(&resource("BucketPolicy")["PolicyDocument"]);
    let create = policy.iter().find(|s| s["Sid"] == "GrantsCreateOnly").unwrap();
    assert_eq!((&create["Effect"], &create["Action"]), (&json!("Deny"), &json!("s3:PutObject")));
    let kinds = ["segments", "storyboards", "commons"]
        .map(|kind| json!({ "Fn::Sub": format!("${{Bucket.Arn}}/{kind}/*") }));
    assert_eq!(create["Resource"], json!(kinds));
    assert_eq!(create["Condition"]["Null"]["s3:if-none-match"], "true");
    let granted = statements(&resource("GrantedRole")["Policies"]);
    let mut verbs: Vec<String> = granted.iter().flat_map(actions).collect();
    verbs.sort();
    assert_eq!(verbs, ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
    for statement in &granted {
        let text = statement.to_string();
        assert!(!text.contains("access/") && !text.contains("player/"), "{text}");
        assert!(!text.contains("${Bucket.Arn}/*"), "{text}");
    }
    let trust = &resource("GrantedRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"]["AWS"]["Fn::GetAtt"], json!(["GrantFunctionRole", "Arn"]));
}

#[test]
fn each_function_may_do_its_own_work_and_no_more() {
    let allowed = |policies: &Value| {
        let mut verbs: Vec<String> = statements(policies).iter().flat_map(actions).collect();
        verbs.sort();
        verbs
    };
    let grant = resource("GrantFunctionRole");
    assert_eq!(allowed(&grant["Policies"]), ["s3:GetObject", "s3:ListBucket"]);
    assert_eq!(allowed(&resource("MayGrant")), ["sts:AssumeRole"]);
    let sweep = resource("SweepFunction");
    let verbs = ["s3:DeleteObject", "s3:GetObject", "s3:GetObject", "s3:ListBucket"];
    assert_eq!(allowed(&sweep["Policies"]), verbs);
    let kinds = ["segments", "index", "storyboards"]
        .map(|kind| json!({ "Fn::Sub": format!("${{Bucket.Arn}}/{kind}/*") }));
    assert_eq!(statements(&sweep["Policies"])[0]["Resource"], json!(kinds));
    let rollup = resource("RollupFunction");
    assert_eq!(allowed(&rollup["Policies"]), ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
    for statement in statements(&rollup["Policies"]) {
        if actions(&statement).contains(&"s3:PutObject".to_owned()) {
            assert_eq!(statement["Resource"], json!([{ "Fn::Sub": "${Bucket.Arn}/index/*" }]));
        }
    }
    let audit = resource("AuditFunction");
    assert_eq!(allowed(&audit["Policies"]), ["s3:GetObject", "s3:ListBucket"]);
    // All that a survey reads.
    let kinds = ["segments", "index", "storyboards", "commons/packs"]
        .map(|kind| json!({ "Fn::Sub": format!("${{Bucket.Arn}}/{kind}/*") }));
    assert_eq!(statements(&audit["Policies"])[0]["Resource"], json!(kinds));
    let share = resource("ShareFunction");
    assert_eq!(allowed(&share["Policies"]), ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
    for statement in statements(&share["Policies"]) {
        if actions(&statement).contains(&"s3:PutObject".to_owned()) {
            let text = statement["Resource"].to_string();
            assert!(!text.contains("segments") && !text.contains("access"), "{text}");
        }
    }
    // Nobody else reads the secret of the desktops.
    let all = ["AWS::Serverless::Function", "AWS::IAM::Role"].into_iter().flat_map(of_type);
    let reads = |policies: &Value| {
        let text = policies.to_string();
        text.contains("domain.key") || text.contains("${Bucket.Arn}/access/*")
    };
    let readers: Vec<(String, Value)> = all.filter(|(_, f)| reads(&f["Policies"])).collect();
    assert_eq!(
        readers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["ShareFunction"]
    );
    for (name, function) in of_type("AWS::Serverless::Function") {
        let list = statements(&function["Policies"]);
        for statement in list {
            assert!(!statement["Resource"].to_string().contains("\"*\""), "{name}: {statement}");
            assert!(actions(&statement).iter().all(|action| !action.contains('*')), "{name}");
        }
        let zip = function["CodeUri"].as_str().unwrap();
        assert!(zip.starts_with("../dist/lambda/"), "{name}: {zip}");
    }
}

#[test]
fn the_schedules_send_what_the_functions_understand() {
    for name in ["SweepFunction", "RollupFunction", "AuditFunction", "ShareFunction"] {
        let schedule = &resource(name)["Events"]["Schedule"];
        assert_eq!(schedule["Type"], "ScheduleV2");
        let input = schedule["Properties"]["Input"].as_str().unwrap();
        let job = deskreel_server::work::job(&serde_json::from_str(input).unwrap()).unwrap();
        assert_eq!(job.which, deskreel_server::work::Which::All, "{name}");
        assert!(!job.dry_run, "{name}");
    }
}

#[test]
fn the_api_throttles_and_its_log_holds_no_header() {
    let api = resource("Api");
    let settings = &api["DefaultRouteSettings"];
    assert_eq!(settings["ThrottlingRateLimit"], json!({ "Ref": "GrantsPerSecond" }));
    assert_eq!(settings["ThrottlingBurstLimit"], json!({ "Ref": "GrantsBurst" }));
    let format = api["AccessLogSettings"]["Format"].as_str().unwrap();
    assert!(!format.to_lowercase().contains("header") && !format.contains("body"), "{format}");
    let routes = resource("GrantFunction")["Events"].clone();
    let paths: Vec<&str> = routes
        .as_object()
        .unwrap()
        .values()
        .map(|event| event["Properties"]["Path"].as_str().unwrap())
        .collect();
    for path in ["/-/api/grant", "/-/api/streams", "/-/health"] {
        assert!(paths.contains(&path), "{path}");
    }
}

#[test]
fn cloudfront_signs_its_requests_and_sends_security_headers() {
    let access = &resource("OriginAccess")["OriginAccessControlConfig"];
    assert_eq!(
        (&access["SigningBehavior"], &access["SigningProtocol"]),
        (&json!("always"), &json!("sigv4"))
    );
    let config = resource("Distribution")["DistributionConfig"].clone();
    let default = config["DefaultCacheBehavior"].clone();
    let behaviors = config["CacheBehaviors"].as_array().unwrap().iter().chain([&default]);
    for behavior in behaviors {
        assert_ne!(behavior["ViewerProtocolPolicy"], "allow-all");
        assert_eq!(behavior["ResponseHeadersPolicyId"], json!({ "Ref": "SecurityHeaders" }));
    }
    // Page and code of different builds must never mix.
    assert!(resource("CacheShort")["CachePolicyConfig"]["MaxTTL"].as_u64() <= Some(60));
    assert_eq!(default["CachePolicyId"], json!({ "Ref": "CacheShort" }));
    let headers =
        &resource("SecurityHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"];
    let csp =
        headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"].as_str().unwrap();
    for rule in ["default-src 'none'", "frame-ancestors 'none'", "'wasm-unsafe-eval'"] {
        assert!(csp.contains(rule), "{csp}");
    }
    assert!(!csp.contains("unsafe-inline") && !csp.contains(" *"), "{csp}");
    assert_eq!(headers["ContentTypeOptions"]["Override"], true);
    assert!(
        headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"].as_u64() >= Some(31_536_000)
    );
}

#[test]
fn failures_and_costs_reach_somebody() {
    let alarms = of_type("AWS::CloudWatch::Alarm");
    assert!(alarms.len() >= 3);
    for (name, alarm) in alarms {
        assert_eq!(alarm["AlarmActions"], json!([{ "Ref": "Alarms" }]), "{name}");
    }
    let budget = &resource("Budget")["Budget"];
    assert_eq!(budget["BudgetLimit"]["Amount"], json!({ "Ref": "MonthlyBudgetUsd" }));
    let parameters = template()["Parameters"].clone();
    for name in ["MonthlyBudgetUsd", "AlarmEmail", "GrantsPerSecond", "GrantsBurst"] {
        assert!(parameters[name].is_object(), "{name}");
    }
}
