"""Typical wrong solutions of the exercises of notebooks 00 to 08."""

import math

import torch
from scipy.stats import chi, chi2
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from helpers import latent
from helpers.objective import gaussian_kl


def pca_without_mean(x, k):
    v = torch.linalg.svd(x, full_matrices=False).Vh[:k]
    return x @ v.T @ v


def evidence_with(covariance):
    return lambda x, W, b, sigma: MultivariateNormal(b, covariance(W, sigma, torch.eye(len(b)).to(W))).log_prob(x)


def weights_with(combine, stretch=0.5):
    def log_weights(x, W, s, mu, logvar, eps):
        z = mu + torch.exp(stretch * logvar) * eps
        own = Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(-1)
        return combine(Normal(z @ W.T, s).log_prob(x), Normal(torch.zeros_like(mu), 1.0).log_prob(z).sum(-1), own)

    return log_weights


def hole_with(covariance):
    def gaussian_hole(mu, logvar):
        m, C = mu.mean(0), covariance(mu, logvar)
        return 0.5 * (C.trace() + m @ m - len(m) - torch.logdet(C))

    return gaussian_hole


def rent_estimate(mu, logvar, log_prior, eps, divide):
    sigma = torch.exp(0.5 * logvar)
    ratio = torch.distributions.Normal(mu, sigma).log_prob(mu + sigma * eps).sum(1) - log_prior(mu + sigma * eps)
    return ratio.mean(), ratio.std() / divide


def eigen_kl(m1, s1, m2, s2):
    values = torch.linalg.eigvals(torch.linalg.solve(s2, s1)).real
    return 0.5 * (values - 1 - values.log()).sum() + 0.5 * (m1 - m2) @ torch.linalg.solve(s2, m1 - m2)


def sum_of_all(reconstruct, train, test):
    everything = torch.cat([train, test])
    return (everything - reconstruct(everything)).square().sum()


def seeded(mu):
    return torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))


def checks_kl(mu1, logvar1, mu2, logvar2):
    return 0.5 * (logvar2 - logvar1 + (logvar1.exp() + (mu1 - mu2) ** 2) / logvar2.exp() - 1).sum(1)


def filled(eigenvalues, level, latents, half=0.5, order=True):
    values = eigenvalues.sort(descending=True).values if order else eigenvalues
    squares = values[:latents].clamp(max=level).sum() + values[latents:].sum()
    return torch.stack([squares, half * (values[:latents] / level).clamp(min=1).log().sum()])


def unclamped(eigenvalues, sigma, beta, latents):
    level = beta * sigma**2
    kl = 0.5 * (eigenvalues.sort(descending=True).values[:latents] / level).log().sum()
    return torch.stack([filled(eigenvalues, level, latents)[0], kl])


def beta_ratio(combine):
    def measured(loss, x, x_hat, mu, logvar):
        x_hat, mu = x_hat.clone().requires_grad_(), mu.clone().requires_grad_()
        to_x, to_mu = torch.autograd.grad(loss(x, x_hat, mu, logvar), (x_hat, mu))
        return combine((to_x.norm() / (x_hat - x).norm()).item(), (to_mu.norm() / mu.norm()).item())

    return measured


def two_rulers(training, validation, scale=1.0):
    def losses(x, x_hat, mu, logvar):
        recon, kl = (x - x_hat).square().mean(), gaussian_kl(mu, logvar).mean()
        return recon + training * kl, scale * recon + validation * kl

    return losses


def plan_with(side_of, count):
    def conv_plan(channels, side, widths, kernel=4, stride=2, padding=1):
        rows = []
        for width in widths:
            side = side_of(side, kernel, stride, padding)
            rows.append([width, side, count(kernel, channels, width, side)])
            channels = width
        return torch.tensor(rows)

    return conv_plan


def right_side(n, k, s, p):
    return (n + 2 * p - k) // s + 1


def unchained_plan(channels, side, widths, kernel=4, stride=2, padding=1):
    rows = []
    for width in widths:
        side = right_side(side, kernel, stride, padding)
        rows.append([width, side, kernel**2 * channels * width + width])
    return torch.tensor(rows)


def squares_and_kl(recon, kl=lambda each: each.sum(1)):
    def answer(x, x_hat, mu, logvar):
        return (recon((x - x_hat) ** 2) / 2 + kl(0.5 * (mu**2 + logvar.exp() - 1 - logvar))).mean()

    return answer


def squared_length(r_a, r_b, omega, t):
    return (1 - t) ** 2 * r_a**2 + t**2 * r_b**2 + 2 * t * (1 - t) * r_a * r_b * math.cos(omega)


def unit_slerp(a, b, t):
    return latent.slerp(a, b, t) / latent.slerp(a, b, t).norm()


def raw_slerp(a, b, t):
    angle = torch.arccos((a / a.norm() @ (b / b.norm())).clamp(-1, 1))
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


SLIPS = [
    ("00.1", lambda images: images.float() / 256, "white is 255"),
    ("00.1", lambda images: images.double() / 255, "float64"),
    ("00.1", lambda images: (images - images.min()).float() / (images.max() - images.min()), "must stay dark"),
    ("00.3", lambda image: image.permute(2, 1, 0), "changed places"),
    ("00.2", lambda images, r, c: images.reshape(3, r * 4, c * 5), "reshape alone"),
    ("01.1", pca_without_mean, "did not subtract the mean"),
    ("01.1", lambda x, k: pca_without_mean(x - x.mean(0), k), "did not add it back"),
    ("01.1", lambda x, k: x, "returned x itself"),
    ("01.1", lambda x, k: x * float("nan"), "holds NaN"),
    ("01.2", lambda n, p, z, b, w: (n * z * b / 8 + 2 * w) / (n * p), "inverse"),
    ("01.2", lambda n, p, z, b, w: p / (z * b / 8), "decoder is missing"),
    ("01.3", lambda a, b, s: a + (b - a) * torch.arange(s)[:, None] / s, "does not end at z_b"),
    ("01.4", lambda f, train, test: (test - f(test)).square().mean(), "mean runs over the pixels"),
    ("02.1", evidence_with(lambda W, s, eye: W @ W.T + s * eye), "sigma is a standard deviation"),
    ("02.1", evidence_with(lambda W, s, eye: s**2 * eye), "one place only"),
    ("02.1", evidence_with(lambda W, s, eye: (W @ W.T).diagonal().diag() + s**2 * eye), "left out the correlations"),
    ("02.1", evidence_with(lambda W, s, eye: W @ W.T), "not positive definite"),
    ("02.2", lambda w: w.exp().sum(0) ** 2 / w.exp().square().sum(0), "near −1000"),
    ("02.2", lambda w: w.sum(0) ** 2 / w.square().sum(0), "the weights themselves"),
    ("02.2", lambda w: (2 * w.logsumexp(0) - (2 * w).logsumexp(0)).exp() / len(w), "a share between 0 and 1"),
    ("02.3", weights_with(lambda p, prior, q: p.sum(-1) + prior), "log q(z|x) is missing"),
    ("02.3", weights_with(lambda p, prior, q: p.mean(-1) + prior - q), "a mean where a sum belongs"),
    ("02.3", weights_with(lambda p, prior, q: p.sum(-1) + prior - q, stretch=1), "is the variance"),
    ("02.4", hole_with(lambda mu, logvar: torch.cov(mu.T, correction=0)), "middles only"),
    ("02.4", hole_with(lambda mu, logvar: (mu.var(0, correction=0) + logvar.exp().mean(0)).diag()), "left out the correlations"),
    ("02.4", hole_with(lambda mu, logvar: torch.cov(mu.T) + logvar.exp().mean(0).diag()), "divide by N"),
    ("02.4", lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean(), "mean rent"),
    ("02.5", lambda eps, share: eps / eps.norm(dim=1, keepdim=True) * chi2(eps.shape[1]).ppf(share), "take its root"),
    ("02.5", lambda eps, share: eps * chi(eps.shape[1]).ppf(share) / eps.shape[1] ** 0.5, "different radii"),
    ("02.5", lambda eps, share: torch.full_like(eps, chi(eps.shape[1]).ppf(share) / eps.shape[1] ** 0.5), "all directions"),
    ("03.1", lambda q, p: (q * (q / p).log()).sum(), "in nats"),
    ("03.1", lambda q, p: (p * (p / q).log2()).sum(), "what really happens"),
    ("03.1", lambda q, p: (q * (q / p).log2()).sum(), "costs nothing"),
    ("03.1", lambda q, p: (q * ((q + 1e-12) / (p + 1e-12)).log2()).sum(), "infinitely much"),
    ("03.2", lambda w, m, s: torch.stack([(w * m).sum(), (w * s**2).sum().sqrt()]), "how far the bumps lie apart"),
    ("03.2", lambda w, m, s: torch.stack([(w * m).sum(), (w * (s**2 + m**2)).sum() - (w * m).sum() ** 2]), "that is the variance"),
    ("03.2", lambda w, m, s: torch.stack([m[0], s[0]]), "*reverse*"),
    ("03.3", lambda mu, lv, b: b * torch.stack([mu, torch.exp(0.5 * lv) - torch.exp(-0.5 * lv)]), "gradient to σ"),
    ("03.3", lambda mu, lv, b: b * torch.stack([mu, 0.5 - 0.5 * torch.exp(-lv)]), "gradient to the variance"),
    ("03.3", lambda mu, lv, b: torch.stack([mu, 0.5 * torch.expm1(lv)]), "beta multiplies"),
    ("03.3", lambda mu, lv, b: b * torch.stack([mu, 0.5 * torch.expm1(lv)]) / len(mu), "took a mean"),
    ("03.4", lambda mu, lv, prior, eps: torch.stack(rent_estimate(mu, lv, prior, eps, 1)), "deviation of *one* sample"),
    ("03.4", lambda mu, lv, prior, eps: torch.stack(rent_estimate(mu, 2 * lv, prior, eps, len(eps) ** 0.5)), "by the variance"),
    ("03.5", lambda mu, lv: 4 * 0.5 * (mu**2 + lv.exp() - 1 - lv).mean(1), "eight"),
    ("03.6", lambda m1, s1, m2, s2: eigen_kl(m2, s2, m1, s1), "second ‖ first"),
    ("04.1", lambda mu, c, u: mu + c.exp() * torch.sign(u - 0.5) * torch.log1p(-2 * (u - 0.5).abs()), "mirrored"),
    ("04.1", lambda mu, c, u: mu - c * torch.sign(u - 0.5) * torch.log1p(-2 * (u - 0.5).abs()), "log_scale is a logarithm"),
    ("04.1", lambda mu, c, u: mu - torch.exp(0.5 * c) * torch.sign(u - 0.5) * torch.log1p(-2 * (u - 0.5).abs()), "not halved"),
    ("04.1", lambda mu, c, u: mu + c.exp() * torch.log(2 * u), "two branches"),
    ("04.1", lambda mu, c, u: torch.distributions.Laplace(mu, c.exp()).icdf(u).detach(), "gradient to mu is lost"),
    ("04.2", lambda values: values.mean().expand(len(values)), "a sample's own among them"),
    ("04.2", lambda values: (values.sum() - values) / len(values), "divide by K"),
    ("04.2", lambda values: values - (values.sum() - values) / (len(values) - 1), "f minus its baseline"),
    ("04.3", lambda recon, mu, logvar, eps: recon(mu + logvar.exp() * eps), "variance"),
    ("04.3", lambda recon, mu, logvar, eps: recon(mu), "no noise left"),
    ("04.3", lambda recon, mu, logvar, eps: recon(mu.detach() + torch.exp(0.5 * logvar) * eps), "gradient to mu"),
    ("04.4", lambda mu, logvar, g: mu + torch.exp(0.5 * logvar) * seeded(mu), "do not seed it"),
    ("04.4", lambda mu, logvar, g: mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), 1, generator=g), "share one number"),
    ("04.4", lambda mu, logvar, g: torch.normal(mu, torch.exp(0.5 * logvar), generator=g), "gradient"),
    ("04.4", lambda mu, logvar, g: mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), "generator that is given"),
    ("05.1", lambda m1, l1, m2, l2: checks_kl(m2, l2, m1, l1), "not symmetric"),
    ("05.1", lambda m1, l1, m2, l2: checks_kl(m1, l1, m2, l2) / 6, "averaged over the latents"),
    ("05.2", lambda mu, logvar, eps: mu + logvar.exp() * eps, "variance"),
    ("05.2", lambda mu, logvar, eps: mu + logvar * eps, "is a logarithm"),
    ("05.2", lambda mu, logvar, eps: mu.detach() + torch.exp(0.5 * logvar) * eps, "gradient to mu is lost"),
    ("05.3", lambda d, z, s: (1 / z) / (s / d), "twice too large"),
    ("05.3", lambda d, z, s: 1 / (2 * s / d), "over the latents too"),
    ("01.4", lambda f, train, test: sum_of_all(f, train, test) / len(test), "4.0"),
    ("05.2", lambda mu, logvar, eps: mu + torch.exp(0.5 * logvar) * torch.randn(eps.shape), "noise of your own"),
    ("05.5", lambda n: torch.distributions.Normal(0.0, 1.0).icdf((n - torch.arange(n) - 0.5) / n), "falling order"),
    ("05.5", lambda n: torch.linspace(-2, 2, n), "evenly spaced"),
    ("05.2", lambda mu, logvar, eps: mu + torch.exp(0.5 * logvar).detach() * eps, "gradient to logvar is lost"),
    ("06.1", lambda e, s, b, k: filled(e, b * s, k), "not beta · sigma."),
    ("06.1", lambda e, s, b, k: filled(e, b, k), "not beta alone"),
    ("06.1", lambda e, s, b, k: filled(e, b * s**2, len(e)), "more latents than allowed"),
    ("06.1", lambda e, s, b, k: filled(e, b * s**2, k, half=1.0), "the ½ is missing"),
    ("06.1", lambda e, s, b, k: filled(e, b * s**2, k, order=False), "any order"),
    ("06.1", unclamped, "negative kl"),
    ("06.2", beta_ratio(lambda a, b: 2 * b / a), "factor of two"),
    ("06.2", beta_ratio(lambda a, b: a / b), "other way round"),
    ("06.2", beta_ratio(lambda a, b: 6 * b / a), "batch size"),
    ("06.2", lambda loss, x, y, mu, lv: torch.autograd.grad(loss(x, y, mu, lv), mu)[0].mean(), "requires_grad_()"),
    ("06.3", lambda p, cycles=4, share=0.5: min(1.0, p % (1 / cycles) / share), "count the progress inside a cycle"),
    ("06.3", lambda p, cycles=4, share=0.5: min(1.0, p * cycles % 1 * share), "divide by `share`"),
    ("06.3", lambda p, cycles=4, share=0.5: min(1.0, p / share), "one warm-up"),
    ("06.3", lambda p, cycles=4, share=0.5: p * cycles % 1 / share, "above 1"),
    ("06.3", lambda p, cycles=4, share=0.5: p * cycles % 1, "all of it"),
    ("06.4", two_rulers(1.0, 1.0), "changed its optimum"),
    ("06.4", two_rulers(0.00025, 0.00025, 2.0), "weigh their terms differently"),
    ("06.5", lambda mu, logvar, eps: (mu.var(0) > 0.1).sum(), "you miss one"),
    ("06.5", lambda mu, logvar, eps: (mu.std(0) > 0.01).sum(), "some that are silent"),
    ("06.5", lambda mu, logvar, eps: (mu.var(1) > 0.01).sum(), "along axis 0"),
    ("07.1", plan_with(lambda n, k, s, p: (n + 2 * p - k) // s, lambda k, a, b, n: k * k * a * b + b), "one too small"),
    ("07.1", plan_with(lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, lambda k, a, b, n: k * k * a * b + b), "rounded down"),
    ("07.1", plan_with(right_side, lambda k, a, b, n: k * k * a * b), "biases are missing"),
    ("07.1", plan_with(right_side, lambda k, a, b, n: k * k * a * b * n * n + b), "shared"),
    ("07.1", plan_with(right_side, lambda k, a, b, n: k * a * b + b), "kernel²"),
    ("07.1", unchained_plan, "as if it read the picture"),
    ("07.2", lambda a, b: nn.ConvTranspose2d(a, b, 3, 2, 1), "One short"),
    ("07.2", lambda a, b: nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), "checkerboard"),
    ("07.2", lambda a, b: nn.Upsample(scale_factor=2), "should become"),
    ("07.3", lambda x: x.permute(1, 0, 2, 3).reshape(len(x), -1), "several pictures"),
    ("07.3", lambda x: x.flatten(), "should be"),
    ("07.3", lambda x: None, "returns nothing"),
    ("07.4", squares_and_kl(lambda e: e.mean((1, 2, 3))), "mean over pixels"),
    ("07.4", squares_and_kl(lambda e: 2 * e.sum((1, 2, 3))), "½ is missing"),
    ("07.4", squares_and_kl(lambda e: e.shape[2] * e.shape[3] * e.mean((1, 2, 3))), "channels count"),
    ("07.4", squares_and_kl(lambda e: e.sum((1, 2, 3)), lambda kl: kl.mean(1)), "average over the latents"),
    ("07.4", squares_and_kl(lambda e: len(e) * e.sum((1, 2, 3)), lambda kl: len(kl) * kl.sum(1)), "average over the batch"),
    ("07.4", squares_and_kl(lambda e: len(e) * e.sum((1, 2, 3))), "as KL is"),
    ("07.4", squares_and_kl(lambda e: 3072 * e.mean((1, 2, 3))), "fits CIFAR-10 only"),
    ("07.4", lambda x, x_hat, mu, logvar: (x - x_hat).square().flatten(1).sum(1), "one number"),
    ("07.4", lambda x, x_hat, mu, logvar: None, "returns nothing"),
    ("07.5", lambda i, y: (i.float() / 255 - y).square().flatten(1).sum(1), "need a sigmoid"),
    ("07.5", lambda i, y: (i.float() / 127.5 - 1 - torch.sigmoid(y)).abs().flatten(1).sum(1), "no output that matches"),
    ("07.5", lambda i, y: (i.float() / 255 - torch.sigmoid(y)).square().flatten(1).mean(1), "too little or too much"),
]
