//! `#[test]` for a core without std, so that tests need not know where they run.

use proc_macro::{TokenStream, TokenTree};

/// Leaves the function as it is, and adds it to the image's list of tests.
#[proc_macro_attribute]
pub fn test(_: TokenStream, function: TokenStream) -> TokenStream {
    let mut tokens = function.clone().into_iter();
    let is_fn = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident.to_string() == "fn");
    let Some(name) = tokens.by_ref().skip_while(|token| !is_fn(token)).nth(1) else {
        return "compile_error!(\"#[test] is for a function\");".parse().expect("tokens");
    };
    let registration = format!(
        "const _: () = {{
            #[::on_target::linkme::distributed_slice(::on_target::harness::TESTS)]
            #[linkme(crate = ::on_target::linkme)]
            static TEST: ::on_target::harness::Test =
                ::on_target::harness::Test {{ name: concat!(module_path!(), \"::{name}\"), run: {name} }};
        }};"
    );
    let registration: TokenStream = registration.parse().expect("tokens");
    function.into_iter().chain(registration).collect()
}
